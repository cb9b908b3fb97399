// Groups of rows: what a line encloses, and the direction from one group to another.

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
