// A line drawn by hand, as a few corners that an address can hold.

/** @typedef {[number, number]} Place */

const MOST = 40;
const FINEST = 400;
const STEPS = 1000;

/**
 * The line with no more corners than `most`, in round numbers: what is enclosed is asked of this one, so that an address
 * says the same rows again. (D. Douglas and T. Peucker 1973, Algorithms for the reduction of the number of points.)
 * @param {Place[]} line
 * @param {number} most
 * @returns {Place[]}
 */
export function simplified(line, most = MOST) {
  const [xs, ys] = [line.map((p) => p[0]), line.map((p) => p[1])];
  const extent = Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys));
  if (!(extent > 0)) return line.slice(0, 1);
  let off = extent / FINEST;
  let kept = corners(line, off);
  while (kept.length > most) kept = corners(line, (off *= 1.4));
  const decimals = Math.min(Math.max(-Math.floor(Math.log10(extent / STEPS)), 0), 12);
  return kept.map(([x, y]) => [Number(x.toFixed(decimals)), Number(y.toFixed(decimals))]);
}

/**
 * @param {Place[]} line
 * @param {number} off how far from the line a place may lie that is left out
 * @returns {Place[]}
 */
function corners(line, off) {
  const kept = new Set([0, line.length - 1]);
  /** @type {[number, number][]} */
  const open = [[0, line.length - 1]];
  for (let part = open.pop(); part; part = open.pop()) {
    const [first, last] = part;
    let [far, most] = [-1, off];
    for (let i = first + 1; i < last; i += 1) {
      const away = apart(line[i], line[first], line[last]);
      if (away > most) [far, most] = [i, away];
    }
    if (far < 0) continue;
    kept.add(far);
    open.push([first, far], [far, last]);
  }
  return line.filter((_, i) => kept.has(i));
}

/**
 * How far a place lies from a straight piece.
 * @param {Place} p
 * @param {Place} a
 * @param {Place} b
 */
function apart(p, a, b) {
  const [x, y] = [b[0] - a[0], b[1] - a[1]];
  const long = x * x + y * y;
  const t = long > 0 ? Math.min(Math.max(((p[0] - a[0]) * x + (p[1] - a[1]) * y) / long, 0), 1) : 0;
  return Math.hypot(p[0] - a[0] - t * x, p[1] - a[1] - t * y);
}
