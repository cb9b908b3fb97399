// Draws from the prior; the temperature scales how far from its mean they lie.

import { byId, few, h, rested, spoken } from "../dom.js";
import { samples } from "../math/random.js";
import { newestWins } from "../newest.js";

export const HOTTEST = 1.5;
const DRAWS = { image: 12, table: 6 };

/** @param {import("../explorer.js").Explorer} explorer */
export function samplesPanel({ scene, store, renderer, decode, trouble, say }) {
  const list = byId("samples");
  const n = DRAWS[/** @type {keyof typeof DRAWS} */ (scene.about.kind)] ?? 6;
  /** @type {Float32Array[]} */
  let zs = [];
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
    const { seed, temperature } = store.draws;
    heat.value = String(temperature);
    shown.textContent = few(temperature);
    zs = samples(scene.prior, scene.d, n, temperature, seed);
    ask(zs);
  };
  const shown = h("output", { for: "temperature", class: "number", text: few(1) });
  const heat = h("input", {
    type: "range",
    id: "temperature",
    min: 0,
    max: HOTTEST,
    step: 0.05,
    value: 1,
    oninput: () => store.set("draws", { draws: { ...store.draws, temperature: Number(heat.value) } }),
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
        store.set("draws", { draws: { ...store.draws, seed: store.draws.seed + 1 } });
        say(`${n} other draws from the prior.`);
      },
    }),
  );
  store.on("draws", redraw);
  // After what is looked at first.
  rested(60, redraw)();
}
