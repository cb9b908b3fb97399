// A row of one's own: a form with a field for each column; what is left empty is missing.

import { cellText, encodeRow } from "../columns.js";
import { h } from "../dom.js";

/** @type {NonNullable<import("../types.js").Renderer["input"]>} */
export const tableInput = (scene, given, say, nearest) => {
  const columns = scene.about.columns ?? [];
  const fields = columns.map((column, j) => {
    const id = `own-${j}`;
    const named = column.kind === "binary" || column.kind === "category";
    const field = named
      ? h("select", { id }, h("option", { value: "", text: "missing" }), ...(column.states ?? []).map((s) => h("option", { value: String(s), text: String(s) })))
      : h("input", { id, type: "text", inputmode: "decimal", autocomplete: "off", placeholder: "missing" });
    return { column, field, line: h("div", { class: "field" }, h("label", { for: id, text: column.name }), field) };
  });
  const encode = () => {
    /** @type {Record<string, string | null>} */
    const row = {};
    for (const { column, field } of fields) row[column.name] = field.value.trim() === "" ? null : field.value;
    const { x, mask, notes } = encodeRow(columns, row);
    if (notes.length) say(notes.join(" "));
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
  );
};
