// Where one begins: in the middle, with two pins that are worth a walk.

import { codeOf } from "./scene.js";
import { nearest } from "./math/nearest.js";
import { meanOf } from "./math/groups.js";

const MOST_LABELS = 30;

/**
 * @param {import("./types.js").Scene} scene
 * @returns {{z: Float32Array, a: Float32Array, b: Float32Array}}
 */
export function beginning(scene) {
  const { d } = scene;
  const center = Float32Array.from(scene.about.plane.center);
  if (!scene.n) {
    const [u] = scene.about.plane.axes;
    return { z: center, a: center.map((c, i) => c - 1.5 * u[i]), b: center.map((c, i) => c + 1.5 * u[i]) };
  }
  const [a, b] = twoRows(scene);
  // A row's own place shows more than the middle of all, where nothing need be.
  const [start] = nearest(scene.codes, d, center, 1);
  return { z: codeOf(scene, start?.row ?? 0), a: codeOf(scene, a), b: codeOf(scene, b) };
}

/**
 * The typical rows of the two labels that lie farthest apart; without labels, the ends along the map.
 * @param {import("./types.js").Scene} scene
 * @returns {[number, number]}
 */
function twoRows(scene) {
  const { labels, n, points, codes, d } = scene;
  const kinds = labels ? [...new Set(labels)].filter((l) => l >= 0).sort((x, y) => x - y) : [];
  if (labels && kinds.length > 1) {
    const typical = (/** @type {number} */ kind) => {
      /** @type {number[]} */
      const rows = [];
      labels.forEach((l, i) => l === kind && rows.push(i));
      const held = new Float32Array(rows.length * d);
      rows.forEach((row, k) => held.set(codes.subarray(row * d, (row + 1) * d), k * d));
      return rows[nearest(held, d, meanOf(codes, d, rows), 1)[0]?.row ?? 0];
    };
    return farthest(kinds.slice(0, MOST_LABELS).map(typical), codes, d);
  }
  const order = Uint32Array.from({ length: n }, (_, i) => i).sort((i, j) => points[2 * i] - points[2 * j]);
  return [order[Math.floor(0.02 * (n - 1))], order[Math.ceil(0.98 * (n - 1))]];
}

/**
 * The two rows whose codes are farthest from each other, in their order.
 * @param {number[]} rows
 * @param {Float32Array} codes
 * @param {number} d
 * @returns {[number, number]}
 */
function farthest(rows, codes, d) {
  /** @type {[number, number]} */
  let found = [rows[0], rows[1]];
  let most = -1;
  rows.forEach((a, i) =>
    rows.slice(i + 1).forEach((b) => {
      let squares = 0;
      for (let k = 0; k < d; k += 1) squares += (codes[a * d + k] - codes[b * d + k]) ** 2;
      if (squares > most) [most, found] = [squares, [a, b]];
    }),
  );
  return found;
}
