// Points sorted into squares, so that the one under the pointer is found without looking at all.

/**
 * @param {Float32Array} points n × 2
 */
export function makeGrid(points) {
  const n = points.length / 2;
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < n; i += 1) {
    x0 = Math.min(x0, points[2 * i]);
    x1 = Math.max(x1, points[2 * i]);
    y0 = Math.min(y0, points[2 * i + 1]);
    y1 = Math.max(y1, points[2 * i + 1]);
  }
  const side = Math.max(1, Math.min(512, Math.ceil(Math.sqrt(n / 4))));
  const stepX = (x1 - x0) / side || 1;
  const stepY = (y1 - y0) / side || 1;
  const clamp = (/** @type {number} */ k) => Math.min(Math.max(Math.floor(k), 0), side - 1);
  const columnOf = (/** @type {number} */ x) => clamp((x - x0) / stepX);
  const lineOf = (/** @type {number} */ y) => clamp((y - y0) / stepY);

  const starts = new Uint32Array(side * side + 1);
  const home = new Uint32Array(n);
  for (let i = 0; i < n; i += 1) {
    home[i] = lineOf(points[2 * i + 1]) * side + columnOf(points[2 * i]);
    starts[home[i] + 1] += 1;
  }
  for (let k = 0; k < side * side; k += 1) starts[k + 1] += starts[k];
  const next = starts.slice();
  const sorted = new Uint32Array(n);
  for (let i = 0; i < n; i += 1) {
    sorted[next[home[i]]] = i;
    next[home[i]] += 1;
  }

  /**
   * The point nearest to (u, v) within a reach, or -1.
   * @param {number} u
   * @param {number} v
   * @param {number} reach
   */
  return function nearestTo(u, v, reach) {
    let best = -1;
    let least = reach * reach;
    for (let line = lineOf(v - reach); line <= lineOf(v + reach); line += 1) {
      for (let column = columnOf(u - reach); column <= columnOf(u + reach); column += 1) {
        const square = line * side + column;
        for (let k = starts[square]; k < starts[square + 1]; k += 1) {
          const i = sorted[k];
          const away = (points[2 * i] - u) ** 2 + (points[2 * i + 1] - v) ** 2;
          if (away < least) {
            best = i;
            least = away;
          }
        }
      }
    }
    return best;
  };
}
