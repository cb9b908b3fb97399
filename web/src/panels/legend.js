// What the colours mean, and the map's own controls.

import { byId, few, h } from "../dom.js";
import { LOOKS, MARKS, labelColour, labelMark, scoreRamp, scoreRange } from "../map/colours.js";

/** @param {import("../explorer.js").Explorer} explorer */
export function legendPanel({ scene, store, map, say }) {
  const legend = byId("legend");
  const choices = [
    ...(scene.labels ? [["label", "label"]] : []),
    ...(scene.scores ? [["score", "score"]] : []),
    ["plain", "nothing"],
  ];
  const colour = /** @type {HTMLSelectElement} */ (byId("colour"));
  colour.append(...choices.map(([value, text]) => h("option", { value, text })));
  colour.addEventListener("change", () => store.set("look", { colour: /** @type {any} */ (colour.value), lit: null }));
  byId("zoom-in").addEventListener("click", () => map.zoomBy(1.5));
  byId("zoom-out").addEventListener("click", () => map.zoomBy(1 / 1.5));
  byId("zoom-fit").addEventListener("click", () => map.fit());
  for (const radio of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("input[name=tool]"))) {
    // Also the one that is chosen: pressing it leaves the drawing of a line.
    radio.addEventListener("click", () => map.use(radio.value === "pan" ? "pan" : "move"));
  }
  const behind = /** @type {HTMLInputElement} */ (byId("behind"));
  byId("behind-field").hidden = !scene.about.manifold;
  behind.addEventListener("change", () => store.set("look", { behind: behind.checked }));

  /** @param {number} label @param {HTMLButtonElement} button */
  function toggle(label, button) {
    const lit = new Set(store.lit ?? []);
    if (!lit.delete(label)) lit.add(label);
    store.set("look", { lit: lit.size ? lit : null });
    say(lit.size ? `${lit.size} of the labels stand out.` : "All labels are shown alike.");
    // The list was made anew.
    legend.querySelector(/** @type {any} */ (`[data-label="${button.dataset.label}"]`))?.focus();
  }

  function labels() {
    const items = scene.kinds.slice(0, LOOKS).map((label, rank) => {
      const button = h(
        "button",
        {
          type: "button",
          "data-label": label,
          "aria-pressed": store.lit?.has(label) ? "true" : "false",
          class: store.lit && !store.lit.has(label) ? "dim" : null,
          onclick: () => toggle(label, button),
        },
        h("span", { class: `swatch ${MARKS[labelMark(rank)]}`, style: `color:${labelColour(rank, store.theme)}` }),
        scene.nameOf(label),
      );
      return h("li", {}, button);
    });
    const more = scene.kinds.length - LOOKS;
    return h("ul", { class: "labels", "aria-label": "Labels; press one to make it stand out" }, ...items, more > 0 ? h("li", { class: "faint", text: `and ${more} more, by colours and marks that come again` }) : null);
  }

  function scores() {
    const [low, high] = scene.scores ? scoreRange(scene.scores) : [0, 1];
    const ramp = scoreRamp(store.theme).join(", ");
    return h(
      "div",
      { class: "ramp" },
      h("span", { text: few(low, 1) }),
      h("span", { class: "colours", style: `background:linear-gradient(to right, ${ramp})`, "aria-hidden": "true" }),
      h("span", { text: few(high, 1) }),
      h("span", { class: "faint", text: scene.about.score_name ?? "" }),
    );
  }

  const redraw = () => {
    colour.value = store.colour;
    behind.checked = store.behind;
    legend.replaceChildren(...(store.colour === "label" ? [labels()] : store.colour === "score" ? [scores()] : []));
  };
  store.on("look", redraw);
  store.on("theme", redraw);
  redraw();
}
