// Two groups of rows, and their difference as a direction to go: "more like these".

import { byId, counted, few, h, spoken } from "../dom.js";
import { direction, inside, parseRows } from "../math/groups.js";
import { norm } from "../math/plane.js";

/** @param {import("../explorer.js").Explorer} explorer */
export function groupsPanel({ scene, store, map, say }) {
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

  const chooser = (/** @type {"a" | "b"} */ which, /** @type {string} */ title) => {
    const count = h("output", { class: "faint", text: "no rows" });
    const failed = h("p", { class: "error", role: "alert", hidden: true });
    const numbers = h("input", { type: "text", id: `rows-${which}`, placeholder: "rows, such as 1-20, 45", autocomplete: "off", onchange: () => read() });
    const labels = [...new Set(scene.labels ?? [])].filter((l) => l >= 0).sort((a, b) => a - b);
    const byLabel = h(
      "select",
      { id: `label-${which}`, onchange: () => byLabel.value && choose(rowsOf(Number(byLabel.value)), `all of ${scene.nameOf(Number(byLabel.value))}`) },
      h("option", { value: "", text: "a label …" }),
      ...labels.map((l) => h("option", { value: l, text: scene.nameOf(l) })),
    );
    const draw = h("button", { type: "button", text: "Draw around them", onclick: () => lasso() });

    function read() {
      const { rows, error } = parseRows(numbers.value, scene.n);
      failed.textContent = error;
      failed.hidden = !error;
      if (!error) choose(rows, "by number");
    }
    function lasso() {
      map.use("lasso");
      say(`Draw a line around the rows of “${title}” on the map.`);
      byId("map").scrollIntoView({ block: "nearest", behavior: "instant" });
      map.onDrawn((line) => {
        map.use(/** @type {import("../map/hand.js").Tool} */ (document.querySelector("input[name=tool]:checked")?.getAttribute("value") ?? "move"));
        choose(inside(scene.points, line), "drawn around");
      });
    }
    /** @param {number[]} rows @param {string} how */
    function choose(rows, how) {
      const words = rows.length === 1 ? "one row" : `${counted(rows.length)} rows`;
      count.textContent = rows.length ? `${words}, ${how}` : "no rows";
      say(`${title}: ${count.textContent}.`);
      store.set("groups", { groups: { ...store.groups, [which]: rows } });
    }
    return h(
      "fieldset",
      {},
      h("legend", { text: title }),
      h("div", { class: "buttons" }, labels.length > 1 ? h("label", {}, spoken(`${title}: a label`), byLabel) : null, draw),
      h("label", {}, spoken(`${title}: row numbers`), numbers),
      count,
      failed,
    );
  };
  const rowsOf = (/** @type {number} */ label) => {
    /** @type {number[]} */
    const rows = [];
    scene.labels?.forEach((l, i) => l === label && rows.push(i));
    return rows;
  };

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
    along = a.length && b.length ? direction(scene.codes, scene.d, a, b) : null;
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
    h("div", { class: "pair" }, chooser("a", "Away from"), chooser("b", "More like")),
    h("div", { class: "slider" }, h("label", { for: "strength", text: "Strength" }), strength, amount),
    note,
  );
}
