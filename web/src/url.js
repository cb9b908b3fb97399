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
 * @property {number[] | null} lit labels that stand out
 * @property {string} away how the rows to go away from were chosen, or nothing
 * @property {string} like how those to become like were chosen
 * @property {number | null} seed of the draws from the prior
 * @property {number | null} temperature
 */

const READABLE = 8;
// Of what else an address may hold: labels that stand out, characters of how a group was chosen.
const MOST_LIT = 40;
const LONGEST = 1200;
const LARGEST_SEED = 2 ** 31;

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
  if (place.lit?.length) parts.push(`lit=${place.lit.slice(0, MOST_LIT).join(",")}`);
  if (place.away && place.away.length <= LONGEST) parts.push(`away=${words(place.away)}`);
  if (place.like && place.like.length <= LONGEST) parts.push(`like=${words(place.like)}`);
  if (place.seed != null) parts.push(`seed=${place.seed}`);
  if (place.temperature != null) parts.push(`heat=${place.temperature}`);
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
  const heat = said.get("heat") ?? "";
  return {
    z: readVector(said.get("z"), d),
    a: readVector(said.get("a"), d),
    b: readVector(said.get("b"), d),
    colour: said.get("colour"),
    path: said.get("path"),
    view: sound ? [view[0], view[1], view[2]] : null,
    behind: behind === "1" ? true : behind === "0" ? false : null,
    lit: readWhole(said.get("lit")),
    away: short(said.get("away")),
    like: short(said.get("like")),
    seed: readWhole(said.get("seed"))?.find((v) => v < LARGEST_SEED) ?? null,
    temperature: /^\d(\.\d{1,6})?$/.test(heat) ? Number(heat) : null,
  };
}

/**
 * Text as an address holds it, with what needs no disguise left readable.
 * @param {string} text
 */
function words(text) {
  return encodeURIComponent(text).replaceAll("%2C", ",").replaceAll("%3A", ":").replaceAll("%20", "+");
}

/** @param {string | null} text */
function short(text) {
  return text && text.length <= LONGEST ? text : "";
}

/**
 * @param {string | null} text
 * @returns {number[] | null}
 */
function readWhole(text) {
  return text && /^\d{1,10}(,\d{1,10})*$/.test(text) ? text.split(",").slice(0, MOST_LIT).map(Number) : null;
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
