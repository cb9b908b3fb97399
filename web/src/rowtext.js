// One row of a table out of text: CSV with or without a header, or JSON.

/** @typedef {import("./columns.js").Cell} Cell */
/** @typedef {{row: Record<string, Cell> | null, words: string}} Read the row, or none; and a sentence about either */

const DELIMITERS = [",", "\t", ";", "|"];
const NAMED = 3;

/**
 * Whether a text that was pasted is more than one cell.
 * @param {string} text
 */
export function isRow(text) {
  return /^\s*[[{]/.test(text) || /[\t\n]/.test(text.trim());
}

/**
 * @param {string} text
 * @param {string[]} names of the columns
 * @returns {Read}
 */
export function readRow(text, names) {
  const plain = text.replace(/^\uFEFF/, "").trim();
  if (!plain) return { row: null, words: "There is nothing in it." };
  return /^[[{]/.test(plain) ? fromJson(plain, names) : fromLines(plain, names);
}

/**
 * @param {string} text
 * @param {string[]} names
 * @returns {Read}
 */
function fromJson(text, names) {
  let found;
  try {
    found = JSON.parse(text);
  } catch {
    return { row: null, words: "It begins like JSON and is none; give an object with a value for each column." };
  }
  let several = false;
  const knows = (/** @type {any} */ v) => v !== null && typeof v === "object" && names.some((name) => Object.hasOwn(v, name));
  if (!Array.isArray(found) && !knows(found) && Array.isArray(found.rows)) found = found.rows;
  if (Array.isArray(found) && found[0] !== null && typeof found[0] === "object") {
    several = found.length > 1;
    found = found[0];
  }
  if (Array.isArray(found)) {
    if (found.length !== names.length) return wrongLength(found.length, names);
    return taken(Object.fromEntries(found.map((value, i) => [names[i], value])), names, several);
  }
  return knows(found) ? taken(found, names, several) : noneKnown(Object.keys(found), names);
}

/**
 * @param {string} text
 * @param {string[]} names
 * @returns {Read}
 */
function fromLines(text, names) {
  const ways = DELIMITERS.map((delimiter) => {
    const lines = records(text, delimiter, NAMED);
    const header = (lines[0] ?? []).map((name) => name.trim());
    return { lines, header, known: header.filter((name) => names.includes(name)).length };
  });
  const best = ways.reduce((a, b) => (b.known > a.known ? b : a));
  if (best.known) {
    const row = best.lines[1];
    if (!row) return { row: null, words: "It names columns and has no row below them." };
    return taken(Object.fromEntries(best.header.map((name, i) => [name, row[i] ?? ""])), names, best.lines.length > 2);
  }
  const bare = ways.find(({ lines }) => lines[0]?.length === names.length);
  if (bare) return taken(Object.fromEntries(names.map((name, i) => [name, bare.lines[0][i]])), names, bare.lines.length > 1);
  const longest = ways.reduce((a, b) => (b.header.length > a.header.length ? b : a));
  return longest.header.length > 1 ? noneKnown(longest.header, names) : { row: null, words: `It is no row of this table; give CSV with a header such as ${some(names)}, or JSON.` };
}

/**
 * @param {Record<string, any>} found
 * @param {string[]} names
 * @param {boolean} several
 * @returns {Read}
 */
function taken(found, names, several) {
  /** @type {Record<string, Cell>} */
  const row = {};
  for (const name of names) {
    const value = Object.hasOwn(found, name) ? found[name] : null;
    row[name] = value === null || ["string", "number", "boolean"].includes(typeof value) ? value : JSON.stringify(value);
  }
  const known = names.filter((name) => Object.hasOwn(found, name)).length;
  const which = several ? "The first row of several" : "The row";
  return { row, words: `${which} is filled in${known < names.length ? `, with ${known} of ${names.length} columns` : ""}.` };
}

/**
 * @param {string[]} found
 * @param {string[]} names
 * @returns {Read}
 */
function noneKnown(found, names) {
  return { row: null, words: `It names none of this run's columns, which are ${some(names)}; it begins with ${some(found) || "none"}.` };
}

/**
 * @param {number} found
 * @param {string[]} names
 * @returns {Read}
 */
function wrongLength(found, names) {
  return { row: null, words: `It has ${found} values, and a row has ${names.length}; name them, as in ${some(names)}.` };
}

/** @param {string[]} names */
function some(names) {
  return names.slice(0, NAMED).map((name) => name.slice(0, 40)).join(", ") + (names.length > NAMED ? ", …" : "");
}

/**
 * The first records of CSV, with quotes as RFC 4180 has them; empty lines are none.
 * @param {string} text
 * @param {string} delimiter
 * @param {number} most
 * @returns {string[][]}
 */
function records(text, delimiter, most) {
  /** @type {string[][]} */
  const out = [];
  /** @type {string[]} */
  let record = [];
  let cell = "";
  let quoted = false;
  const close = () => {
    record.push(cell);
    cell = "";
    if (record.length > 1 || record[0].trim()) out.push(record);
    record = [];
  };
  for (let i = 0; i < text.length && out.length < most; i += 1) {
    const c = text[i];
    if (quoted) {
      if (c !== '"') cell += c;
      else if (text[i + 1] === '"') cell += text[(i += 1)];
      else quoted = false;
    } else if (c === '"' && !cell.trim()) [quoted, cell] = [true, ""];
    else if (c === delimiter) {
      record.push(cell);
      cell = "";
    } else if (c === "\n") close();
    else if (c !== "\r") cell += c;
  }
  if (out.length < most) close();
  return out;
}
