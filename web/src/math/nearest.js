// The rows whose encodings lie nearest to a z; all of them are looked at.

/**
 * @param {Float32Array} codes N × D
 * @param {number} d
 * @param {ArrayLike<number>} z
 * @param {number} k how many
 * @param {number} skip a row that is not to be named, or -1
 * @returns {{row: number, distance: number}[]} nearest first
 */
export function nearest(codes, d, z, k, skip = -1) {
  const n = codes.length / d;
  /** @type {{row: number, distance: number}[]} */
  const best = [];
  let limit = Infinity;
  for (let i = 0; i < n; i += 1) {
    if (i === skip) continue;
    let sum = 0;
    const start = i * d;
    for (let j = 0; j < d && sum < limit; j += 1) {
      const off = codes[start + j] - z[j];
      sum += off * off;
    }
    if (!(sum < limit)) continue;
    let at = best.length;
    while (at > 0 && best[at - 1].distance > sum) at -= 1;
    best.splice(at, 0, { row: i, distance: sum });
    if (best.length > k) best.pop();
    if (best.length === k) limit = best[k - 1].distance;
  }
  return best.map(({ row, distance }) => ({ row, distance: Math.sqrt(distance) }));
}
