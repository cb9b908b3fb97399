// Which z are possible: any numbers, shares of one whole, bits, or one state of each code.

/** @typedef {import("./types.js").SceneFile} SceneFile */
/** @typedef {import("./types.js").Latent} Latent */

/**
 * The possible z that is meant by one: what the model is asked about.
 * @param {SceneFile} about
 * @param {Float32Array} z
 * @returns {Float32Array}
 */
export function settled(about, z) {
  const support = about.support ?? "real";
  if (support === "bits") return z.map((v) => (v >= 0.5 ? 1 : 0));
  if (support === "real") return z;
  if (support === "shares") return shared(z);
  const out = z.slice();
  for (const { start, size } of about.latents.map(columnsOf)) {
    let most = start;
    for (let i = start; i < start + size; i += 1) if (z[i] > z[most]) most = i;
    out.fill(0, start, start + size);
    out[most] = 1;
  }
  return out;
}

/**
 * The z after a slider was moved.
 * @param {SceneFile} about
 * @param {Float32Array} z
 * @param {Latent} latent
 * @param {number} value
 */
export function slid(about, z, latent, value) {
  const { start, size } = columnsOf(latent);
  const out = z.slice();
  if (size > 1) {
    out.fill(0, start, start + size);
    out[start + Math.round(value)] = 1;
    return out;
  }
  out[start] = value;
  if (about.support !== "shares") return out;
  // The others keep their ratios to each other.
  const before = sum(z) - z[start];
  const left = Math.max(1 - value, 0);
  return out.map((v, i) => (i === start ? value : before > 0 ? (v / before) * left : left / (z.length - 1)));
}

/**
 * Where a latent's slider stands.
 * @param {Latent} latent
 * @param {Float32Array} z
 */
export function valueOf(latent, z) {
  const { start, size } = columnsOf(latent);
  if (size === 1) return z[start];
  let most = 0;
  for (let i = 1; i < size; i += 1) if (z[start + i] > z[start + most]) most = i;
  return most;
}

/** @param {Latent} latent */
export function columnsOf({ index, start = index, size = 1 }) {
  return { start, size };
}

/** @param {Float32Array} z */
function shared(z) {
  const least = z.map((v) => Math.max(v, 0));
  const whole = sum(least);
  return whole > 0 ? least.map((v) => v / whole) : z.map(() => 1 / z.length);
}

/** @param {Float32Array} z */
function sum(z) {
  return z.reduce((a, b) => a + b, 0);
}
