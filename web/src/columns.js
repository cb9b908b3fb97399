// A table's cells to values and back, by the rules of `latentia.data.tables.column`.

/**
 * @typedef {object} Column
 * @property {string} name
 * @property {"real" | "positive" | "proportion" | "binary" | "category" | "count" | "hurdle"} kind
 * @property {string} [dtype]
 * @property {(string | number | boolean)[]} [states]
 * @property {string[]} [keys] the texts by which states are known again
 * @property {number} [shift]
 * @property {number} [scale]
 * @property {number | null} [spike]
 * @property {number | null} [low]
 * @property {number | null} [high]
 * @property {boolean} [whole]
 */

/** @typedef {string | number | boolean | null} Cell */

const MISSING = new Set(["", "?", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "-", "--", "."]);
const PLAIN = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$/;
const THOUSANDS = /^[+-]?\d{1,3}([,'\u2019 \u00a0\u202f]\d{3})+(\.\d*)?$/;
const GROUPING = /[,'\u2019 \u00a0\u202f]/g;
const ISO_DATE = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}(?:\.\d{1,9})?))?(?:(Z)|([+-])(\d{2}):?(\d{2}))?)?$/;
const DAY = 86_400_000;
const FARTHEST_DAY = 106_751;
const LARGEST = 1e30;
const FARTHEST = 1e4;
const FLOAT32 = 2 ** -24;

/** @param {Column} column */
export function width(column) {
  if (column.kind === "category") return column.states?.length ?? 0;
  return column.kind === "hurdle" ? 2 : 1;
}

/** @param {Column} column */
export function isNamed(column) {
  return column.kind === "binary" || column.kind === "category";
}

/** @param {Column} column */
export function isDate(column) {
  return (column.dtype ?? "").startsWith("datetime64");
}

/**
 * The text by which a state is known again.
 * @param {unknown} value
 */
export function stateKey(value) {
  const text = String(value).trim();
  return /^(true|false)$/i.test(text) ? text.toLowerCase() : text;
}

/**
 * The number that a cell holds, dates in days since 1970; NaN where it holds none.
 * @param {Cell} cell
 */
export function number(cell) {
  if (typeof cell === "number") return cell;
  if (typeof cell === "boolean") return cell ? 1 : 0;
  if (cell === null) return NaN;
  const text = cell.trim().replaceAll("\u2212", "-");
  if (PLAIN.test(text)) return Number(text);
  if (THOUSANDS.test(text)) return Number(text.replace(GROUPING, ""));
  return day(text);
}

/**
 * Days since 1970 of an ISO date, without a zone taken as UTC; NaN where there is no such day.
 * @param {string} text
 */
function day(text) {
  const parts = ISO_DATE.exec(text);
  if (!parts) return NaN;
  const [year, month, date, hours, minutes, seconds] = parts.slice(1, 7).map((part) => Number(part ?? 0));
  const start = Date.UTC(2000, month - 1, date);
  // Set by itself: Date.UTC takes years below 100 for those of the last century.
  const midnight = new Date(start).setUTCFullYear(year, month - 1, date);
  const found = new Date(midnight);
  const real = found.getUTCMonth() === month - 1 && found.getUTCDate() === date;
  const zone = [Number(parts[9] ?? 0), Number(parts[10] ?? 0)];
  if (!real || hours > 23 || minutes > 59 || seconds >= 60 || zone[0] > 23 || zone[1] > 59) return NaN;
  const away = parts[8] ? (parts[8] === "-" ? -1 : 1) * (zone[0] * 60 + zone[1]) : 0;
  const days = midnight / DAY + ((hours * 60 + minutes - away) * 60 + seconds) / 86_400;
  // Beyond, nanoseconds do not fit 64 bits, and the library reads no date either.
  return Math.abs(days) < FARTHEST_DAY ? days : NaN;
}

/**
 * A row of cells as values; what is empty, unseen or unreadable is zero and masked, never refused.
 * @param {Column[]} columns
 * @param {Record<string, Cell>} row
 * @returns {{x: Float32Array, mask: Float32Array, notes: string[]}}
 */
export function encodeRow(columns, row) {
  const x = [];
  const mask = [];
  const notes = [];
  for (const column of columns) {
    const cell = row[column.name] ?? null;
    const empty = cell === null || (typeof cell === "string" && MISSING.has(cell.trim().toLowerCase()));
    const values = empty ? null : encodeCell(column, cell);
    if (!empty && values === null) {
      const found = isNamed(column) ? "is a state that no training row has" : `is no number that a ${column.kind} takes`;
      notes.push(`${column.name}: “${String(cell).slice(0, 40)}” ${found}; it is taken as missing.`);
    }
    for (let i = 0; i < width(column); i += 1) {
      x.push(values ? values[i] : 0);
      mask.push(values ? 1 : 0);
    }
  }
  return { x: Float32Array.from(x), mask: Float32Array.from(mask), notes };
}

/**
 * @param {Column} column
 * @param {Cell} cell
 * @returns {number[] | null} null where the column takes no such cell
 */
function encodeCell(column, cell) {
  if (isNamed(column)) {
    const code = (column.keys ?? (column.states ?? []).map(stateKey)).indexOf(stateKey(cell));
    if (code < 0) return null;
    return column.kind === "binary" ? [code] : (column.states ?? []).map((_, i) => (i === code ? 1 : 0));
  }
  const v = number(cell);
  if (!Number.isFinite(v)) return null;
  if (column.kind === "positive" && !(v > 0)) return null;
  if (column.kind === "proportion" && !(v >= 0 && v <= 1)) return null;
  if (column.kind === "count") return v >= 0 && Number.isInteger(v) && v < LARGEST ? [v] : null;
  if (column.kind === "hurdle" && v === column.spike) return [1, 0];
  const { shift = 0, scale = 1 } = column;
  const scaled = ((column.kind === "positive" ? Math.log(v) : v) - shift) / scale;
  if (!(Math.abs(scaled) < LARGEST)) return null;
  const near = Math.min(Math.max(scaled, -FARTHEST), FARTHEST);
  return column.kind === "hurdle" ? [0, near] : [near];
}

/**
 * @typedef {object} Said
 * @property {string} name
 * @property {string} text the cell
 * @property {number} value it as a number: in own units, dates in days since 1970, of a state its place
 * @property {number | null} share of a state, its chance; of a number, where it lies between the training rows' ends
 * @property {{state: string, chance: number}[] | null} chances of a category, the likeliest first
 */

/**
 * A decoder's means as the cells of the row that they stand for: the likeliest state, a hurdle's spike or the number beside
 * it, numbers within those of the training rows.
 * @param {Column[]} columns
 * @param {ArrayLike<number>} x
 * @returns {Said[]}
 */
export function decodeRow(columns, x) {
  let start = 0;
  return columns.map((column) => {
    const values = Array.from({ length: width(column) }, (_, i) => x[start + i]);
    start += values.length;
    return isNamed(column) ? namedCell(column, values) : numberCell(column, values);
  });
}

/**
 * One cell of rows.json, as it is read.
 * @param {Column} column
 * @param {number | null} value
 */
export function cellText(column, value) {
  if (value === null) return "–";
  if (isNamed(column)) return String(column.states?.[value] ?? "–");
  const { shift = 0, scale = 1 } = column;
  // What float32 has lost of it on the way, so that no digit is shown that nobody knows.
  const away = column.kind === "positive" ? Math.abs((Math.log(value) - shift) / scale) : Math.abs((value - shift) / scale);
  return inOwnUnits(column, value, scale * (away + 1) * FLOAT32 * (column.kind === "positive" ? value : 1));
}

/**
 * @param {Column} column
 * @param {number[]} values
 * @returns {Said}
 */
function namedCell(column, values) {
  const states = (column.states ?? []).map(String);
  const chance = column.kind === "binary" ? [1 - values[0], values[0]] : values;
  // Of equals the first, as in the table that a run writes; sorting keeps their order.
  const ranked = states.map((state, place) => ({ state, place, chance: chance[place] })).sort((a, b) => b.chance - a.chance);
  const { state, place } = ranked[0];
  const chances = ranked.map((one) => ({ state: one.state, chance: one.chance }));
  return { name: column.name, text: state, value: place, share: ranked[0].chance, chances };
}

/**
 * @param {Column} column
 * @param {number[]} values
 * @returns {Said}
 */
function numberCell(column, values) {
  const { kind, shift = 0, scale = 1, spike = 0, low = null, high = null } = column;
  const atSpike = kind === "hurdle" && values[0] >= 0.5;
  // The mean of a hurdle's number counts 0 for the spike.
  const last = kind === "hurdle" ? values[1] / (1 - (atSpike ? 0 : values[0])) : values[0];
  let lost = scale * (Math.abs(last) + 1) * FLOAT32;
  let v = kind === "count" ? last : last * scale + shift;
  if (kind === "positive") {
    v = Math.exp(v);
    lost *= v;
  }
  if (low !== null && high !== null) v = Math.min(Math.max(v, low), high);
  if (kind === "proportion") v = Math.min(Math.max(v, 0), 1);
  if (kind === "count") v = Math.max(v, 0);
  if (atSpike) v = spike ?? 0;
  const span = low !== null && high !== null && high > low ? (v - low) / (high - low) : null;
  const share = span === null || !Number.isFinite(span) ? null : Math.min(Math.max(span, 0), 1);
  const value = column.whole || kind === "count" ? Math.round(v) : v;
  return { name: column.name, text: inOwnUnits(column, v, lost), value, share, chances: null };
}

/**
 * @param {Column} column
 * @param {number} v
 * @param {number} lost what float32 has lost of it
 */
function inOwnUnits(column, v, lost) {
  if (!Number.isFinite(v)) return "–";
  if (isDate(column)) return dateText(v, column.whole ?? false);
  const unit = (column.dtype ?? "").startsWith("timedelta64") ? " days" : "";
  // A mean count need be no whole number, and says more with a decimal.
  if (column.whole && column.kind !== "count") return grouped(Math.round(v), 0) + unit;
  const sure = Math.max(0, Math.min(10, Math.floor(-Math.log10(Math.max(lost, 1e-12)))));
  const wanted = Math.max(0, 3 - Math.floor(Math.log10(Math.max(Math.abs(v), 1e-6))));
  return grouped(v, Math.min(sure, wanted, 6)) + unit;
}

/**
 * @param {number} days since 1970
 * @param {boolean} whole
 */
function dateText(days, whole) {
  const date = new Date(whole ? Math.round(days) * DAY : Math.round((days * DAY) / 1000) * 1000);
  if (Number.isNaN(date.getTime())) return "–";
  const text = date.toISOString();
  return whole ? text.slice(0, 10) : text.slice(0, 19).replace("T", " ");
}

/**
 * @param {number} v
 * @param {number} decimals
 */
function grouped(v, decimals) {
  if (Math.abs(v) >= 1e9) return v.toPrecision(4);
  const [whole, part] = v.toFixed(decimals).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "").split(".");
  const long = whole.replace("-", "").length > 4 ? whole.replace(/\B(?=(\d{3})+$)/g, "\u202f") : whole;
  return part ? `${long}.${part}` : long;
}
