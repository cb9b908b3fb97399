// Which part of the plane the map shows. Pure: places in, places out.

/**
 * @typedef {object} Camera
 * @property {number} x centre, in the plane
 * @property {number} y
 * @property {number} scale pixels a unit
 * @property {number} width pixels
 * @property {number} height
 */

/**
 * @param {Camera} c
 * @param {number} u
 * @param {number} v
 * @returns {[number, number]}
 */
export function toScreen(c, u, v) {
  return [(u - c.x) * c.scale + c.width / 2, c.height / 2 - (v - c.y) * c.scale];
}

/**
 * @param {Camera} c
 * @param {number} px
 * @param {number} py
 * @returns {[number, number]}
 */
export function toPlane(c, px, py) {
  return [(px - c.width / 2) / c.scale + c.x, (c.height / 2 - py) / c.scale + c.y];
}

/**
 * The camera after a zoom that leaves the place under a pixel where it is.
 * @param {Camera} c
 * @param {number} factor
 * @param {number} px
 * @param {number} py
 * @param {[number, number]} limits smallest and largest scale
 * @returns {Camera}
 */
export function zoomed(c, factor, px, py, limits) {
  const scale = Math.min(Math.max(c.scale * factor, limits[0]), limits[1]);
  const [u, v] = toPlane(c, px, py);
  return { ...c, scale, x: u - (px - c.width / 2) / scale, y: v - (c.height / 2 - py) / scale };
}

/**
 * The camera in a frame of another size: as much closer or farther than what that frame shows at home as it was before, so
 * that the size by which it went there is forgotten.
 * @param {Camera} c
 * @param {Camera} home what the frame showed at home before
 * @param {Camera} now what it shows at home
 * @returns {Camera}
 */
export function reframed(c, home, now) {
  return { ...now, x: c.x, y: c.y, scale: now.scale * (c.scale / home.scale) };
}

/** @typedef {[number, number]} Span from, to */

/**
 * A camera that shows the points: all but the outermost few, so that one stray row does not shrink the rest; and no less than
 * some part of the plane, since rows that all lie in one place, or none, say nothing of what there is to be seen.
 * @param {Float32Array} points n × 2
 * @param {number} width
 * @param {number} height
 * @param {[Span, Span] | null} least the part, across and up
 * @returns {Camera}
 */
export function fitted(points, width, height, least = null) {
  const [[x0, x1], [y0, y1]] = /** @type {const} */ ([0, 1]).map((axis) => joined(ends(points, axis), least && least[axis]));
  const scale = Math.min(width / Math.max(x1 - x0, 1e-6), height / Math.max(y1 - y0, 1e-6)) / 1.12;
  return { x: (x0 + x1) / 2, y: (y0 + y1) / 2, scale, width, height };
}

/**
 * @param {Span | null} a
 * @param {Span | null} b
 * @returns {Span}
 */
function joined(a, b) {
  if (!a || !b) return a ?? b ?? [-1, 1];
  return [Math.min(a[0], b[0]), Math.max(a[1], b[1])];
}

/**
 * @param {Float32Array} points
 * @param {0 | 1} axis
 * @returns {Span | null}
 */
function ends(points, axis) {
  const n = points.length / 2;
  const values = Float32Array.from({ length: n }, (_, i) => points[2 * i + axis])
    .filter(Number.isFinite)
    .sort();
  if (!values.length) return null;
  const off = Math.floor(values.length * 0.001);
  return [values[off], values[values.length - 1 - off]];
}
