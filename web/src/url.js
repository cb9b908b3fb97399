// What is looked at, in the address: a view can be sent to somebody else, and comes back to the last bit.

/**
 * @typedef {object} Place
 * @property {Float32Array | null} z
 * @property {Float32Array | null} a
 * @property {Float32Array | null} b
 * @property {string | null} colour
 * @property {string | null} path
 * @property {[number, number, number] | null} view centre and units across the map
 * @property {boolean | null} behind whether the pictures behind the map are shown
 */

const READABLE = 8;

/**
 * The part of an address after "#".
 * @param {Partial<Place>} place
 */
export function toHash(place) {
  const parts = [];
  if (place.z) parts.push(`z=${vector(place.z)}`);
  if (place.a) parts.push(`a=${vector(place.a)}`);
  if (place.b) parts.push(`b=${vector(place.b)}`);
  if (place.colour) parts.push(`colour=${encodeURIComponent(place.colour)}`);
  if (place.path) parts.push(`path=${encodeURIComponent(place.path)}`);
  if (place.view) parts.push(`view=${place.view.map((v) => shortest(Math.fround(v))).join(",")}`);
  if (place.behind != null) parts.push(`behind=${place.behind ? 1 : 0}`);
  return parts.join("&");
}

/**
 * What an address says; what is not of this run is left out.
 * @param {string} hash with or without "#"
 * @param {number} d latents
 * @returns {Place}
 */
export function fromHash(hash, d) {
  const said = new URLSearchParams(hash.replace(/^#/, ""));
  const view = said.get("view")?.split(",").map(Number) ?? [];
  const sound = view.length === 3 && view.every(Number.isFinite) && view[2] > 0;
  const behind = said.get("behind");
  return {
    z: readVector(said.get("z"), d),
    a: readVector(said.get("a"), d),
    b: readVector(said.get("b"), d),
    colour: said.get("colour"),
    path: said.get("path"),
    view: sound ? [view[0], view[1], view[2]] : null,
    behind: behind === "1" ? true : behind === "0" ? false : null,
  };
}

/** @param {Float32Array} v */
function vector(v) {
  // Few numbers are for reading; many are for brevity.
  if (v.length <= READABLE) return Array.from(v, shortest).join(",");
  const bytes = new Uint8Array(Float32Array.from(v).buffer);
  return `~${btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
}

/**
 * @param {string | null} text
 * @param {number} d
 * @returns {Float32Array | null}
 */
function readVector(text, d) {
  if (!text) return null;
  let v;
  if (text.startsWith("~")) {
    try {
      const plain = atob(text.slice(1).replaceAll("-", "+").replaceAll("_", "/"));
      if (plain.length % 4) return null;
      v = new Float32Array(Uint8Array.from(plain, (c) => c.charCodeAt(0)).buffer);
    } catch {
      return null;
    }
  } else v = Float32Array.from(text.split(","), Number);
  return v.length === d && v.every(Number.isFinite) ? v : null;
}

/**
 * The shortest decimal that is this float32 again.
 * @param {number} value
 */
export function shortest(value) {
  for (let digits = 1; digits < 9; digits += 1) {
    const text = Number(value.toPrecision(digits));
    if (Math.fround(text) === value) return String(text);
  }
  return String(value);
}
