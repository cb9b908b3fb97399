// Draws from the prior; the temperature scales how far from its mean they lie.

import { byId, few, h, rested, spoken } from "../dom.js";
import { samples } from "../math/random.js";
import { newestWins } from "../newest.js";

const DRAWS = { image: 12, table: 6 };

/** @param {import("../explorer.js").Explorer} explorer */
export function samplesPanel({ scene, store, renderer, decode, trouble, say }) {
  const list = byId("samples");
  const n = DRAWS[/** @type {keyof typeof DRAWS} */ (scene.about.kind)] ?? 6;
  /** @type {Float32Array[]} */
  let zs = [];
  let seed = 1;
  const cells = Array.from({ length: n }, (_, k) => {
    const view = renderer.view(scene, "small");
    list.append(h("li", {}, h("button", { type: "button", class: "cell", onclick: () => zs[k] && store.go(zs[k].slice(), "draw") }, spoken(`Go to draw ${k + 1}`), view.element)));
    return view;
  });
  const ask = newestWins(
    (/** @type {Float32Array[]} */ wanted) => decode(wanted),
    (xs) => xs.forEach((x, k) => cells[k].draw(x)),
    trouble,
  );
  const redraw = () => {
    zs = samples(scene.prior, scene.d, n, Number(heat.value), seed);
    ask(zs);
  };
  const shown = h("output", { for: "temperature", class: "number", text: few(1) });
  const heat = h("input", {
    type: "range",
    id: "temperature",
    min: 0,
    max: 1.5,
    step: 0.05,
    value: 1,
    oninput: () => {
      shown.textContent = few(Number(heat.value));
      redraw();
    },
  });
  const scales = scene.prior.kind === "normal" || scene.prior.temperature;
  byId("samples-controls").append(
    ...(scales ? [h("div", { class: "slider" }, h("label", { for: "temperature", text: "Temperature" }), heat, shown)] : []),
    h("button", {
      type: "button",
      class: "strong",
      id: "draw",
      text: "Draw others",
      onclick: () => {
        seed += 1;
        redraw();
        say(`${n} other draws from the prior.`);
      },
    }),
  );
  // After what is looked at first.
  rested(60, redraw)();
}
