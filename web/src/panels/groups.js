// Two groups of rows, and their difference as a direction to go: "more like these".

import { LONGEST, NOBODY, byLine, chosen } from "../choosing.js";
import { byId, few, h, spoken } from "../dom.js";
import { direction } from "../math/groups.js";
import { norm } from "../math/plane.js";

/** @typedef {"a" | "b"} Which */

const TITLES = { a: "Away from", b: "More like" };
// As the map draws their rows.
const GLYPHS = { a: "×", b: "○" };

/** @param {import("../explorer.js").Explorer} explorer */
export function groupsPanel(explorer) {
  const { scene, store } = explorer;
  const box = byId("groups-controls");
  if (scene.n < 2) {
    box.append(h("p", { class: "faint", text: "There are no encoded rows to choose from." }));
    return;
  }
  const strength = h("input", { type: "range", id: "strength", min: -2, max: 2, step: 0.02, value: 0, disabled: true });
  const amount = h("output", { for: "strength", class: "number", text: few(0) });
  const note = h("p", { class: "faint", text: "Choose the rows to go away from, and those to become like." });
  /** @type {Float32Array | null} */
  let along = null;
  /** @type {Float32Array | null} where the slider stands at 0 */
  let base = null;

  strength.addEventListener("input", (event) => {
    if (!along) return;
    base ??= store.z.slice();
    const by = Number(strength.value);
    const [from, way] = [base, along];
    amount.textContent = few(by);
    store.go(from.map((v, i) => v + by * way[i]), "direction", event.timeStamp);
  });
  store.on("groups", () => {
    const { a, b } = store.groups;
    along = a.rows.length && b.rows.length ? direction(scene.codes, scene.d, a.rows, b.rows) : null;
    base = null;
    rest();
    strength.disabled = !along;
    note.textContent = along ? `The means lie ${few(norm(along))} apart; strength 1 goes as far.` : "Choose both groups.";
  });
  store.on("z", () => {
    // Wherever one goes by other means, the direction starts anew from there.
    if (store.cause === "direction" || !base) return;
    base = null;
    rest();
  });
  function rest() {
    strength.value = "0";
    amount.textContent = few(0);
  }
  box.append(
    h("div", { class: "pair" }, chooser(explorer, "a"), chooser(explorer, "b")),
    h("div", { class: "slider" }, h("label", { for: "strength", text: "Strength" }), strength, amount),
    note,
  );
}

/**
 * The ways to choose one of the groups.
 * @param {import("../explorer.js").Explorer} explorer
 * @param {Which} which
 */
function chooser({ scene, store, map, say }, which) {
  const title = TITLES[which];
  const count = h("output", { class: "faint" });
  const failed = h("p", { class: "error", role: "alert", hidden: true });
  const numbers = h("input", {
    type: "text",
    id: `rows-${which}`,
    placeholder: scene.book.example,
    maxlength: LONGEST,
    autocomplete: "off",
    onchange: () => choose(numbers.value.trim() ? `rows:${numbers.value}` : ""),
  });
  const label = h(
    "select",
    { id: `label-${which}`, onchange: () => choose(label.value ? `label:${label.value}` : "") },
    h("option", { value: "", text: "a label …" }),
    ...scene.kinds.map((l) => h("option", { value: l, text: scene.nameOf(l) })),
  );
  const draw = h("button", { type: "button", text: "Draw around them", "aria-pressed": "false", onclick: () => lasso() });

  /** @param {string} how */
  function choose(how) {
    const { group, error } = how ? chosen(scene, how) : { group: NOBODY, error: "" };
    failed.textContent = error;
    failed.hidden = !error;
    // What was not understood changes nothing, and stays to be mended.
    if (error) return;
    store.set("groups", { groups: { ...store.groups, [which]: group } });
    say(`${title}: ${group.words}.`);
  }

  function lasso() {
    if (draw.getAttribute("aria-pressed") === "true") {
      map.encircle(null);
      return;
    }
    map.encircle((line) => {
      draw.setAttribute("aria-pressed", "false");
      if (line) choose(byLine(line));
      else say("No line was drawn.");
    });
    draw.setAttribute("aria-pressed", "true");
    say(`Draw a line around the rows of “${title}” on the map; Escape leaves it.`);
    byId("map").scrollIntoView({ block: "nearest", behavior: "instant" });
  }

  const follow = () => {
    const { how, rows, words } = store.groups[which];
    count.textContent = words;
    label.value = how.startsWith("label:") ? how.slice("label:".length) : "";
    const text = scene.book.write(rows);
    if (text.length <= LONGEST) numbers.value = text;
    else if (!how.startsWith("rows:")) numbers.value = "";
    failed.hidden = true;
  };
  store.on("groups", follow);
  follow();
  return h(
    "fieldset",
    {},
    h("legend", {}, title, h("span", { class: "glyph", "aria-hidden": "true", text: GLYPHS[which] })),
    h("div", { class: "buttons" }, scene.kinds.length > 1 ? h("label", {}, spoken(`${title}: a label`), label) : null, draw),
    h("label", {}, spoken(`${title}: rows, such as ${scene.book.example}`), numbers),
    count,
    failed,
  );
}
