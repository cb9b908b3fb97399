// What every panel is given: the scene, what is looked at, and the model, asked about possible z only.

import { settled } from "./support.js";

/**
 * @typedef {object} Explorer
 * @property {import("./types.js").Scene} scene
 * @property {import("./store.js").Store} store
 * @property {import("./types.js").Backend} backend
 * @property {import("./types.js").Renderer} renderer
 * @property {ReturnType<typeof import("./map/map.js").makeMap>} map
 * @property {(words: string) => void} say to whoever listens, and on the screen
 * @property {(error: unknown) => void} trouble
 * @property {(zs: Float32Array[]) => Promise<Float32Array[]>} decode
 * @property {() => number} nearestRow
 * @property {import("./dropped.js").Dropped} dropped
 */

/**
 * @param {import("./types.js").Scene} scene
 * @param {import("./types.js").Backend} backend
 * @returns {(zs: Float32Array[]) => Promise<Float32Array[]>}
 */
export function decoder(scene, backend) {
  return async (zs) => {
    if (!zs.length) return [];
    const flat = new Float32Array(zs.length * scene.d);
    zs.forEach((z, i) => flat.set(settled(scene.about, z), i * scene.d));
    const x = await backend.decode(flat, zs.length);
    return zs.map((_, i) => x.subarray(i * scene.xSize, (i + 1) * scene.xSize));
  };
}

/** @param {import("./types.js").Scene} scene */
export function normalPrior(scene) {
  return scene.prior.kind === "normal" ? scene.prior : null;
}
