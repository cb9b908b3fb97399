// A slider for each latent, in the order of what they say; those that say nothing are folded away.

import { byId, few, framed, h, latentName } from "../dom.js";
import { slid, valueOf } from "../support.js";

const AT_ONCE = 10;

/** @param {import("../explorer.js").Explorer} explorer */
export function latentsPanel({ scene, store }) {
  const { about } = scene;
  const most = Math.max(...about.latents.map((l) => l.kl ?? 0), 1e-9);
  const sliders = about.latents.map((latent) => {
    const name = latent.name ?? latentName(latent.index);
    const id = `latent-${latent.index}`;
    const value = h("output", { for: id, class: "number" });
    const range = h("input", {
      type: "range",
      id,
      min: latent.low,
      max: latent.high,
      step: latent.step || (latent.high - latent.low) / 400,
      oninput: (/** @type {Event} */ event) => store.go(slid(about, store.z, latent, Number(range.value)), "slider", event.timeStamp),
    });
    const said = latent.kl === null ? "" : `${few(latent.kl)} nats`;
    const line = h(
      "div",
      { class: "slider" },
      h("label", { for: id, text: name }),
      range,
      value,
      h("span", { class: "kl", title: "what it says of a row, on average: its KL divergence" }, h("span", { class: "share", style: `width:${(100 * Math.max(latent.kl ?? 0, 0)) / most}%` }), h("span", { class: "words", text: said })),
    );
    return { latent, range, value, line };
  });
  const active = sliders.filter((s) => s.latent.active);
  const dead = sliders.filter((s) => !s.latent.active);
  const box = byId("sliders");
  const folded = (/** @type {string} */ words, /** @type {typeof sliders} */ of) =>
    of.length ? [h("details", {}, h("summary", { text: words }), ...of.map((s) => s.line))] : [];
  const rest = active.slice(AT_ONCE);
  box.append(
    ...active.slice(0, AT_ONCE).map((s) => s.line),
    ...folded(rest.length === 1 ? "One more that is in use" : `${rest.length} more that are in use`, rest),
    ...folded(dead.length === 1 ? "One that the model does not use" : `${dead.length} that the model does not use`, dead),
  );
  if (!active.length) box.prepend(h("p", { class: "faint", text: "No latent says anything about a row." }));
  const follow = framed(() => {
    for (const { latent, range, value } of sliders) {
      const v = valueOf(latent, store.z);
      range.value = String(v);
      value.textContent = latent.step ? String(Math.round(v)) : few(v);
    }
  });
  store.on("z", follow);
  follow();
}
