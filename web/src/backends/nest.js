// Flat numbers as the nested lists that JSON has instead of shapes.

/**
 * @param {ArrayLike<number>} flat
 * @param {number[]} shape
 * @returns {any}
 */
export function nest(flat, shape) {
  let at = 0;
  const build = (/** @type {number} */ axis) => {
    if (axis === shape.length) {
      at += 1;
      return flat[at - 1];
    }
    /** @type {any[]} */
    const out = [];
    for (let i = 0; i < shape[axis]; i += 1) out.push(build(axis + 1));
    return out;
  };
  return build(0);
}
