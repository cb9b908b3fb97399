// A thing of one's own: encoded, with how sure the posterior is, what becomes of it, and which rows lie near.

import { byId, few, h, latentName, spoken } from "../dom.js";
import { nearest } from "../math/nearest.js";
import { newestWins } from "../newest.js";
import { columnsOf } from "../support.js";

const NEIGHBOURS = { image: 8, table: 4 };
const BARS = 10;

/** @param {import("../explorer.js").Explorer} explorer */
export function ownPanel({ scene, store, renderer, backend, map, decode, say, trouble, nearestRow, dropped }) {
  const panel = byId("own");
  const answer = byId("own-answer");
  byId("own-title").textContent = `Your own ${renderer.noun}`;
  const { encode } = backend;
  if (!encode || !renderer.input) {
    const why = encode ? `This page cannot take in ${renderer.noun}s of this kind yet.` : backend.whyNot;
    const words = why || "This run has no encoder.";
    byId("own-input").append(h("p", { class: "faint", text: words }));
    dropped.file = () => say(words);
    return;
  }
  const n = NEIGHBOURS[/** @type {keyof typeof NEIGHBOURS} */ (scene.about.kind)] ?? 4;
  const view = renderer.view(scene, "small");
  const bars = h("ol", { class: "bars" });
  const near = h("ul", { class: "neighbours" });
  const words = h("p", { class: "faint" });
  const notes = h("p", { class: "faint", id: "own-notes" });
  answer.append(
    h("figure", { class: "given" }, view.element, h("figcaption", { text: "its reconstruction" })),
    h("div", { class: "spread" }, h("h3", { text: "Posterior" }), bars, words, notes),
    ...(scene.n ? [h("h3", { text: "Nearest rows" }), near] : []),
  );
  answer.hidden = true;

  const ask = newestWins(
    async (/** @type {import("../types.js").Given} */ given) => {
      const found = await encode(given);
      const [x] = await decode([found.mean]);
      return { ...found, x };
    },
    ({ mean, sd, x, notes: said }) => {
      answer.hidden = false;
      notes.textContent = said.join(" ");
      view.draw(x);
      const rows = nearest(scene.codes, scene.d, mean, n);
      store.set("given", { given: { mean, sd, neighbours: rows.map((r) => r.row) } });
      store.go(mean.slice(), "own");
      drawBars(mean, sd);
      near.replaceChildren(
        ...rows.map(({ row, distance }) => {
          const label = scene.labelOf(row);
          const name = `${label ? `${label}, ` : ""}${scene.placeOf(row)}, ${few(distance)} away`;
          return h(
            "li",
            {},
            h("button", { type: "button", class: "cell", title: name, onclick: () => map.goTo(row) }, spoken(`Go to ${name}`), renderer.glance(scene, row), h("span", { class: "under", "aria-hidden": "true", text: label || scene.placeOf(row) })),
          );
        }),
      );
      const label = rows[0] ? scene.labelOf(rows[0].row) : "";
      say(`Encoded.${rows[0] ? ` The nearest row is ${label || scene.placeOf(rows[0].row)}, ${few(rows[0].distance)} away.` : ""}`);
    },
    trouble,
  );

  /**
   * @param {Float32Array} mean
   * @param {Float32Array} sd
   */
  function drawBars(mean, sd) {
    const shown = scene.about.latents.filter((l) => l.active && (l.size ?? 1) === 1).slice(0, BARS);
    bars.replaceChildren(
      ...shown.map((latent) => {
        const { start } = columnsOf(latent);
        const at = (/** @type {number} */ v) => (100 * Math.min(Math.max((v - latent.low) / (latent.high - latent.low), 0), 1)).toFixed(2);
        const [m, s] = [mean[start], sd[start]];
        const left = at(m - 2 * s);
        return h(
          "li",
          {},
          h("span", { text: latent.name ?? latentName(latent.index) }),
          h("span", { class: "track", "aria-hidden": "true" }, h("span", { class: "two", style: `left:${left}%;width:${Number(at(m + 2 * s)) - Number(left)}%` }), h("span", { class: "mean", style: `left:${at(m)}%` })),
          h("span", { class: "number", text: `${few(m)} ± ${few(s)}` }),
        );
      }),
    );
    words.textContent = "Mean and two standard deviations, between the ends of its slider; the ellipse on the map holds 95 %.";
  }

  const input = renderer.input(scene, ask, say, nearestRow, dropped);
  byId("own-input").append(input);
  panel.hidden = false;
}
