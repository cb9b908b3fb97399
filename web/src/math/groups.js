// Groups of rows, by numbers or by a line around them, and the direction from one to another.

/**
 * Rows from text such as "1-20, 45": what cannot be read comes back as a sentence.
 * @param {string} text
 * @param {number} n rows there are
 * @returns {{rows: number[], error: string}}
 */
export function parseRows(text, n) {
  const rows = new Set();
  for (const part of text.split(/[\s,;]+/).filter(Boolean)) {
    const found = /^(\d+)(?:[-–](\d+))?$/.exec(part);
    if (!found) return { rows: [], error: `“${part}” is no row number; write for example 1-20, 45.` };
    const low = Number(found[1]);
    const high = Number(found[2] ?? found[1]);
    if (low > high || high >= n) {
      return { rows: [], error: `“${part}” is not within the rows 0 to ${n - 1}.` };
    }
    for (let i = low; i <= high; i += 1) rows.add(i);
  }
  return { rows: [...rows].sort((a, b) => a - b), error: "" };
}

/**
 * Mean of group B less mean of group A.
 * @param {Float32Array} codes N × D
 * @param {number} d
 * @param {ArrayLike<number>} a rows
 * @param {ArrayLike<number>} b rows
 */
export function direction(codes, d, a, b) {
  const from = meanOf(codes, d, a);
  const to = meanOf(codes, d, b);
  return Float32Array.from({ length: d }, (_, i) => to[i] - from[i]);
}

/**
 * @param {Float32Array} codes
 * @param {number} d
 * @param {ArrayLike<number>} rows
 */
export function meanOf(codes, d, rows) {
  const sum = new Float64Array(d);
  for (let k = 0; k < rows.length; k += 1) {
    for (let i = 0; i < d; i += 1) sum[i] += codes[rows[k] * d + i];
  }
  return sum.map((v) => v / rows.length);
}

/**
 * The points inside a closed line, by the even-odd rule.
 * @param {Float32Array} points N × 2
 * @param {[number, number][]} line
 * @returns {number[]}
 */
export function inside(points, line) {
  const out = [];
  const xs = line.map((p) => p[0]);
  const ys = line.map((p) => p[1]);
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  for (let i = 0; i < points.length / 2; i += 1) {
    const x = points[2 * i];
    const y = points[2 * i + 1];
    if (x < x0 || x > x1 || y < y0 || y > y1) continue;
    let odd = false;
    for (let k = 0, j = line.length - 1; k < line.length; j = k, k += 1) {
      if (ys[k] > y !== ys[j] > y && x < ((xs[j] - xs[k]) * (y - ys[k])) / (ys[j] - ys[k]) + xs[k]) odd = !odd;
    }
    if (odd) out.push(i);
  }
  return out;
}
