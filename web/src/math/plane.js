// Latent space and the plane of the map: down to (u, v), and up again.

/** @typedef {{axes: number[][], center: number[], names: string[], share: number | null}} Plane */

/**
 * Where z falls on the map.
 * @param {Plane} plane
 * @param {ArrayLike<number>} z
 * @returns {[number, number]}
 */
export function project(plane, z) {
  let u = 0;
  let v = 0;
  for (let i = 0; i < plane.center.length; i += 1) {
    const d = z[i] - plane.center[i];
    u += d * plane.axes[0][i];
    v += d * plane.axes[1][i];
  }
  return [u, v];
}

/**
 * The z that lies on the plane at (u, v), with what the map does not show added.
 * @param {Plane} plane
 * @param {number} u
 * @param {number} v
 * @param {ArrayLike<number> | null} rest see `offPlane`
 */
export function lift(plane, u, v, rest = null) {
  return Float32Array.from(
    plane.center,
    (c, i) => c + u * plane.axes[0][i] + v * plane.axes[1][i] + (rest ? rest[i] : 0),
  );
}

/**
 * What of z the map does not show.
 * @param {Plane} plane
 * @param {ArrayLike<number>} z
 */
export function offPlane(plane, z) {
  const [u, v] = project(plane, z);
  return Float64Array.from(plane.center, (c, i) => z[i] - c - u * plane.axes[0][i] - v * plane.axes[1][i]);
}

/** @param {ArrayLike<number>} v */
export function norm(v) {
  let sum = 0;
  for (let i = 0; i < v.length; i += 1) sum += v[i] * v[i];
  return Math.sqrt(sum);
}

/**
 * The shadow on the map of a normal with independent coordinates: half axes of one standard deviation, and their turn.
 * @param {Plane} plane
 * @param {ArrayLike<number>} sd
 * @returns {{long: number, short: number, angle: number}}
 */
export function ellipse(plane, sd) {
  let uu = 0;
  let uv = 0;
  let vv = 0;
  for (let i = 0; i < plane.center.length; i += 1) {
    const s = sd[i] * sd[i];
    uu += s * plane.axes[0][i] ** 2;
    uv += s * plane.axes[0][i] * plane.axes[1][i];
    vv += s * plane.axes[1][i] ** 2;
  }
  const middle = (uu + vv) / 2;
  const half = Math.hypot((uu - vv) / 2, uv);
  return {
    long: Math.sqrt(middle + half),
    short: Math.sqrt(Math.max(middle - half, 0)),
    angle: Math.atan2(2 * uv, uu - vv) / 2,
  };
}
