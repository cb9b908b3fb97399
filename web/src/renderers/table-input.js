// A row of one's own: a form with a field for each column, filled by hand or out of a file; what is left empty is missing.

import { cellText, encodeRow, isNamed, stateKey } from "../columns.js";
import { h } from "../dom.js";
import { isRow, readRow } from "../rowtext.js";

/** @typedef {import("../columns.js").Cell} Cell */

// Of a file; a header and a row are at its beginning.
const LARGEST = 1 << 20;

/** @type {NonNullable<import("../types.js").Renderer["input"]>} */
export const tableInput = (scene, given, say, nearest, dropped) => {
  const columns = scene.about.columns ?? [];
  const fields = columns.map((column, j) => {
    const id = `own-${j}`;
    const field = isNamed(column)
      ? h("select", { id }, h("option", { value: "", text: "missing" }), ...(column.states ?? []).map((s) => h("option", { value: String(s), text: String(s) })))
      : h("input", { id, type: "text", inputmode: "decimal", autocomplete: "off", placeholder: "missing" });
    return { column, field, line: h("div", { class: "field" }, h("label", { for: id, text: column.name }), field) };
  });
  const note = h("p", { class: "faint", role: "status" });

  /** @param {string[]} said of where the row comes from */
  const encode = (said = []) => {
    /** @type {Record<string, string | null>} */
    const row = {};
    for (const { column, field } of fields) row[column.name] = field.value.trim() === "" ? null : field.value;
    const { x, mask, notes } = encodeRow(columns, row);
    // A service says itself what it could not read.
    note.textContent = [...said, ...(scene.about.backend === "onnx" ? notes : [])].join(" ");
    given({ x, mask, row });
  };
  const { cells } = scene;
  const fillIn = () => {
    const row = nearest();
    if (!cells || row < 0) return;
    fields.forEach(({ column, field }, j) => {
      const value = cells.columns[j][row];
      field.value = value === null ? "" : cellText(column, value).replaceAll("\u202f", "");
    });
    encode();
  };

  /**
   * @param {string} text
   * @param {string} from
   */
  function take(text, from) {
    const { row, words } = readRow(text, columns.map((column) => column.name));
    if (!row) {
      note.textContent = "";
      say(`${from}: ${words}`);
      return;
    }
    const odd = fields.flatMap(({ column, field }) => {
      const cell = row[column.name];
      field.value = asField(column, cell);
      const lost = isNamed(column) && field.value === "" && cell !== null && String(cell).trim() !== "";
      return lost ? [`${column.name}: “${String(cell).slice(0, 40)}” is a state that no training row has; it is taken as missing.`] : [];
    });
    encode([`${from}: ${words}`, ...odd]);
  }
  dropped.file = async (file) => {
    const name = `“${file.name.slice(0, 60)}”`;
    const text = await file.slice(0, LARGEST).text().catch(() => "\0");
    if (/[\0\uFFFD]/.test(text)) say(`${name} is no text; drop a row of this table as CSV or JSON.`);
    else if (file.size > LARGEST && /^\s*[[{]/.test(text)) say(`${name} is too large for one row of JSON; drop the row by itself.`);
    else take(text, name);
  };
  dropped.text = (text, inField) => {
    if (inField && !isRow(text)) return false;
    take(text.slice(0, LARGEST), "Pasted");
    return true;
  };
  return h(
    "form",
    {
      class: "own",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        encode();
      },
    },
    h("div", { class: "fields" }, ...fields.map((f) => f.line)),
    h(
      "div",
      { class: "buttons" },
      h("button", { type: "submit", class: "strong", text: "Encode this row" }),
      cells ? h("button", { type: "button", onclick: fillIn, text: "Fill in the nearest row" }) : null,
    ),
    h("p", { class: "faint", text: "A row can also be dropped on the page as a file, CSV or JSON, or pasted." }),
    note,
  );
};

/**
 * A cell as the form's field of its column holds it.
 * @param {import("../columns.js").Column} column
 * @param {Cell} cell
 */
function asField(column, cell) {
  if (cell === null) return "";
  if (!isNamed(column)) return String(cell);
  const states = column.states ?? [];
  const code = (column.keys ?? states.map(stateKey)).indexOf(stateKey(cell));
  return code < 0 ? "" : String(states[code]);
}
