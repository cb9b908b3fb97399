// A question about many z as several about few.

/**
 * @param {Float32Array} z n × d
 * @param {number} n
 * @param {number} most z that are asked about at once
 * @param {(z: Float32Array, n: number) => Promise<Float32Array>} decode
 * @returns {Promise<Float32Array>} n × the values of a row
 */
export async function inPieces(z, n, most, decode) {
  if (n <= most) return decode(z, n);
  const d = z.length / n;
  /** @type {Float32Array | null} */
  let all = null;
  for (let start = 0; start < n; start += most) {
    const end = Math.min(start + most, n);
    const part = await decode(z.subarray(start * d, end * d), end - start);
    const size = part.length / (end - start);
    all ??= new Float32Array(n * size);
    all.set(part, start * size);
  }
  return all ?? new Float32Array(0);
}
