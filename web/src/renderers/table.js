// Rows of a table: a card with a line for each column.

import { cellText, decodeRow } from "../columns.js";
import { h } from "../dom.js";
import { tableInput } from "./table-input.js";

const IN_A_GLANCE = 8;
const IN_SMALL = 6;

/** @typedef {import("../columns.js").Column} Column */

/** @type {import("../types.js").Renderer} */
export const table = {
  noun: "row",
  view(scene, size) {
    const columns = scene.about.columns ?? [];
    return size === "big" ? card(columns) : slip(columns);
  },
  glance(scene, row) {
    const { cells, about } = scene;
    if (!cells) return null;
    const columns = (about.columns ?? []).slice(0, IN_A_GLANCE);
    const values = columns.map((column, j) => h("span", { text: cellText(column, cells.columns[j][row]) }));
    return named(columns, values);
  },
  input: tableInput,
};

/** @param {Column[]} columns */
function card(columns) {
  const lines = columns.map((column) => {
    const text = h("td", { class: "value" });
    const bar = h("span", { class: "bar" });
    // Of numbers there is nothing more to say.
    const beside = column.states?.length ? h("span", { class: "aside" }) : null;
    const line = h("tr", {}, h("th", { scope: "row", title: column.name, text: column.name }), text, h("td", { class: "how" }, h("span", { class: "track", "aria-hidden": "true" }, bar), beside));
    return { line, text, bar, beside };
  });
  const element = h(
    "div",
    { class: "card", tabindex: columns.length > 10 ? "0" : null, role: "region", "aria-label": "The decoded row" },
    h("table", {}, h("tbody", {}, ...lines.map((l) => l.line))),
  );
  return {
    element,
    /** @param {Float32Array} x */
    draw(x) {
      decodeRow(columns, x).forEach((cell, j) => {
        const { text, bar, beside } = lines[j];
        text.textContent = cell.text;
        bar.style.width = cell.share === null ? "0" : `${(100 * cell.share).toFixed(1)}%`;
        if (beside && cell.chances) beside.textContent = beside.title = inChances(cell.chances);
      });
    },
  };
}

/** @param {Column[]} columns */
function slip(columns) {
  const shown = columns.slice(0, IN_SMALL);
  const values = shown.map(() => h("span"));
  const element = named(shown, values);
  return {
    element,
    /** @param {Float32Array} x */
    draw(x) {
      const cells = decodeRow(columns, x);
      values.forEach((value, j) => (value.textContent = cells[j].text));
    },
  };
}

/**
 * Names beside values, small enough for the inside of a button, whose own name says where it leads.
 * @param {Column[]} columns
 * @param {HTMLElement[]} values
 */
function named(columns, values) {
  const pairs = columns.flatMap((column, j) => [h("span", { class: "of", text: column.name }), values[j]]);
  return h("span", { class: "slip", "aria-hidden": "true" }, ...pairs);
}

/**
 * The likeliest state's chance, and the next state with its own.
 * @param {{state: string, chance: number}[]} chances
 */
function inChances([first, second]) {
  const rest = second && second.chance >= 0.005 ? `, ${second.state} ${percent(second.chance)}` : "";
  return percent(first.chance) + rest;
}

/** @param {number} share */
function percent(share) {
  return `${Math.round(100 * share)} %`;
}
