// A group of rows by how it was chosen: that, and not its rows, is what an address holds.

import { counted } from "./dom.js";
import { inside } from "./math/groups.js";
import { simplified } from "./math/line.js";

/** The longest text of rows that is kept. */
export const LONGEST = 300;

/**
 * @typedef {object} Group
 * @property {string} how "label:3", "rows:train 1-20", "line:x,y,x,y,…" or nothing
 * @property {number[]} rows
 * @property {string} words
 */

/** @type {Group} */
export const NOBODY = { how: "", rows: [], words: "no rows" };

/**
 * The rows that are meant.
 * @param {import("./types.js").Scene} scene
 * @param {string} how
 * @returns {{group: Group, error: string}} the error is a sentence where there is no such group
 */
export function chosen(scene, how) {
  const [kind, ...rest] = how.split(":");
  const said = rest.join(":");
  const group = (/** @type {number[]} */ rows, /** @type {string} */ by) => ({ group: { how, rows, words: inWords(rows, by) }, error: "" });
  const refused = (/** @type {string} */ error) => ({ group: NOBODY, error });
  if (kind === "rows") {
    if (said.length > LONGEST) return refused(`A list of rows may have ${LONGEST} characters, this one has ${said.length}; draw around them instead.`);
    const { rows, missing, error } = scene.book.read(said);
    if (error) return refused(error);
    const away = missing ? `; ${counted(missing)} more ${missing === 1 ? "is" : "are"} not on the map` : "";
    return rows.length ? group(rows, `by number${away}`) : { group: NOBODY, error: "" };
  }
  if (kind === "label" && /^\d{1,5}$/.test(said)) {
    /** @type {number[]} */
    const rows = [];
    scene.labels?.forEach((l, i) => l === Number(said) && rows.push(i));
    if (rows.length) return group(rows, `all of ${scene.nameOf(Number(said))}`);
  }
  if (kind === "line") {
    const numbers = said.split(",").map(Number);
    /** @type {[number, number][]} */
    const line = [];
    for (let i = 0; i + 1 < numbers.length; i += 2) line.push([numbers[i], numbers[i + 1]]);
    if (line.length > 2 && numbers.length % 2 === 0 && numbers.every(Number.isFinite)) return group(inside(scene.points, line), "drawn around");
  }
  return refused("There is no such group of rows.");
}

/**
 * How a line that was drawn is told.
 * @param {[number, number][]} line
 */
export function byLine(line) {
  return `line:${simplified(line).flat().join(",")}`;
}

/**
 * @param {number[]} rows
 * @param {string} by
 */
function inWords(rows, by) {
  return `${rows.length ? (rows.length === 1 ? "one row" : `${counted(rows.length)} rows`) : "no rows"}, ${by}`;
}
