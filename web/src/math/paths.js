// From one latent point to another, as `latentia.evaluation.paths` does: straight, or around the prior's centre (White 2016).

const OPPOSITE = 1e-3;

/**
 * Points from a to b, both included.
 * @param {Float32Array} a
 * @param {Float32Array} b
 * @param {number} steps at least 2
 * @param {"spherical" | "linear"} path
 * @param {{mean: ArrayLike<number>, sd: ArrayLike<number>} | null} prior the centre and scales a spherical path turns about
 * @returns {Float32Array[]}
 */
export function between(a, b, steps, path, prior = null) {
  const at = path === "spherical" ? turning(a, b, prior) : straight(a, b);
  const points = Array.from({ length: steps }, (_, k) => at(k / (steps - 1)));
  // To the last digit, whatever the way between them.
  points[0] = Float32Array.from(a);
  points[steps - 1] = Float32Array.from(b);
  return points;
}

/**
 * One point of the way, t from 0 to 1.
 * @param {Float32Array} a
 * @param {Float32Array} b
 * @param {number} t
 * @param {"spherical" | "linear"} path
 * @param {{mean: ArrayLike<number>, sd: ArrayLike<number>} | null} prior
 */
export function along(a, b, t, path, prior = null) {
  if (t <= 0) return Float32Array.from(a);
  if (t >= 1) return Float32Array.from(b);
  return (path === "spherical" ? turning(a, b, prior) : straight(a, b))(t);
}

/**
 * @param {Float32Array} a
 * @param {Float32Array} b
 * @returns {(t: number) => Float32Array}
 */
function straight(a, b) {
  return (t) => Float32Array.from(a, (v, i) => v + t * (b[i] - v));
}

/**
 * @param {Float32Array} a
 * @param {Float32Array} b
 * @param {{mean: ArrayLike<number>, sd: ArrayLike<number>} | null} prior
 * @returns {(t: number) => Float32Array}
 */
function turning(a, b, prior) {
  const mean = (/** @type {number} */ i) => (prior ? prior.mean[i] : 0);
  const sd = (/** @type {number} */ i) => (prior ? prior.sd[i] : 1);
  const ua = Float64Array.from(a, (v, i) => (v - mean(i)) / sd(i));
  const ub = Float64Array.from(b, (v, i) => (v - mean(i)) / sd(i));
  const la = length(ua);
  const lb = length(ub);
  // From the centre itself no direction is meant.
  if (!(la * lb > 0)) return straight(a, b);
  ua.forEach((v, i) => (ua[i] = v / la));
  ub.forEach((v, i) => (ub[i] = v / lb));
  let less = 0;
  let more = 0;
  ua.forEach((v, i) => {
    less += (v - ub[i]) ** 2;
    more += (v + ub[i]) ** 2;
  });
  // By half the chord, which keeps its digits where the two are near each other.
  const angle = 2 * Math.atan2(Math.sqrt(less), Math.sqrt(more));
  if (angle > Math.PI - OPPOSITE) return straight(a, b);
  return (t) => {
    const shareA = ((1 - t) * sinc((1 - t) * angle)) / sinc(angle);
    const shareB = (t * sinc(t * angle)) / sinc(angle);
    const long = (1 - t) * la + t * lb;
    return Float32Array.from(a, (_, i) => mean(i) + sd(i) * long * (shareA * ua[i] + shareB * ub[i]));
  };
}

/** @param {Float64Array} v */
function length(v) {
  return Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));
}

/** @param {number} x */
function sinc(x) {
  return Math.abs(x) < 1e-8 ? 1 : Math.sin(x) / x;
}
