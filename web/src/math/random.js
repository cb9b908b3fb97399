// Draws from the prior that a seed repeats.

/**
 * Numbers in [0, 1), by a Weyl sequence whose terms are mixed as in MurmurHash3's finalizer.
 * @param {number} seed
 * @returns {() => number}
 */
export function uniform(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let h = state;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return ((h ^ (h >>> 16)) >>> 0) / 4294967296;
  };
}

/**
 * Standard normals, by Box and Muller.
 * @param {() => number} random
 * @returns {() => number}
 */
export function normal(random) {
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/**
 * @typedef {{kind: "normal", mean: ArrayLike<number>, sd: ArrayLike<number>} | {kind: "bank", draws: Float32Array, temperature: boolean}} Prior
 */

/**
 * Draws from the prior, their distance from its mean scaled by the temperature: the same seed, the same draws.
 * @param {Prior} prior
 * @param {number} d latents
 * @param {number} n draws
 * @param {number} temperature
 * @param {number} seed
 * @returns {Float32Array[]}
 */
export function samples(prior, d, n, temperature, seed) {
  const random = uniform(seed);
  if (prior.kind === "normal") {
    const draw = normal(random);
    return Array.from({ length: n }, () =>
      Float32Array.from({ length: d }, (_, i) => prior.mean[i] + temperature * prior.sd[i] * draw()),
    );
  }
  const m = prior.draws.length / d;
  const mean = columnMeans(prior.draws, d);
  // Halfway between two states lies no state.
  const t = prior.temperature ? temperature : 1;
  return Array.from({ length: n }, () => {
    const start = Math.floor(random() * m) * d;
    return Float32Array.from({ length: d }, (_, i) => mean[i] + t * (prior.draws[start + i] - mean[i]));
  });
}

/**
 * @param {Float32Array} rows n × d
 * @param {number} d
 */
export function columnMeans(rows, d) {
  const mean = new Float64Array(d);
  for (let i = 0; i < rows.length; i += 1) mean[i % d] += rows[i];
  return mean.map((sum) => sum / (rows.length / d));
}
