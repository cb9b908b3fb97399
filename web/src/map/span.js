// The part of the map's plane that the prior fills: of a normal what the circle around 95 % of it needs, else 95 % along each axis.

import { ellipse, project } from "../math/plane.js";

const WITHIN_95 = 2.448;
const BEYOND = 0.025;

/**
 * @param {import("../math/random.js").Prior} prior
 * @param {import("../math/plane.js").Plane} plane
 * @returns {[[number, number], [number, number]]} across and up, from and to
 */
export function priorSpan(prior, plane) {
  const d = plane.center.length;
  if (prior.kind === "normal") {
    const middle = project(plane, prior.mean);
    const off = plane.axes.map((axis) => WITHIN_95 * Math.hypot(...axis.map((a, i) => a * prior.sd[i])));
    return [
      [middle[0] - off[0], middle[0] + off[0]],
      [middle[1] - off[1], middle[1] + off[1]],
    ];
  }
  const n = prior.draws.length / d;
  const points = Array.from({ length: n }, (_, i) => project(plane, prior.draws.subarray(i * d, (i + 1) * d)));
  const span = (/** @type {0 | 1} */ axis) => {
    const sorted = Float64Array.from(points, (p) => p[axis]).sort();
    const off = Math.floor(BEYOND * n);
    return /** @type {[number, number]} */ (n ? [sorted[off], sorted[n - 1 - off]] : [-1, 1]);
  };
  return [span(0), span(1)];
}

/**
 * Of a normal prior over the two latents that make the plane: where its middle lies and how far it reaches.
 * @param {import("../math/random.js").Prior} prior
 * @param {import("../math/plane.js").Plane} plane
 */
export function priorRings(prior, plane) {
  if (prior.kind !== "normal" || plane.share !== null || plane.center.length !== 2) return null;
  return { at: project(plane, prior.mean), ...ellipse(plane, prior.sd) };
}
