// Two pins and the way between them: as a strip, and as a walk along it.

import { byId, few, h, rested, spoken } from "../dom.js";
import { normalPrior } from "../explorer.js";
import { along, between } from "../math/paths.js";
import { project } from "../math/plane.js";
import { newestWins } from "../newest.js";

const STEPS = 11;
const TRACE = 41;
const SECONDS = 5;

/** @param {import("../explorer.js").Explorer} explorer */
export function walkPanel({ scene, store, renderer, map, decode, say, trouble }) {
  const prior = normalPrior(scene);
  const strip = byId("strip");
  const cells = Array.from({ length: STEPS }, (_, k) => {
    const view = renderer.view(scene, "small");
    const where = k === 0 ? "pin A" : k === STEPS - 1 ? "pin B" : `step ${k} of ${STEPS - 1}`;
    const button = h("button", { type: "button", class: "cell", onclick: () => walkTo(k / (STEPS - 1)) }, spoken(`Go to ${where}`), view.element);
    strip.append(h("li", {}, button));
    return { view, button };
  });
  const slider = h("input", { type: "range", id: "walk-at", min: 0, max: 1, step: 0.005, value: 0, oninput: () => walkTo(Number(slider.value)) });
  const play = h("button", { type: "button", class: "strong", id: "play", text: "Play", onclick: () => toggle() });
  const choice = h(
    "select",
    { id: "path", onchange: () => store.set("path", { path: choice.value === "linear" ? "linear" : "spherical" }) },
    ...(prior ? [h("option", { value: "spherical", text: "around the prior’s centre" })] : []),
    h("option", { value: "linear", text: "straight" }),
  );
  const pinning = (/** @type {"a" | "b"} */ which) => () => {
    store.pin(which, store.z.slice());
    say(`Pinned as ${which.toUpperCase()}.`);
  };
  byId("walk-controls").append(
    h("button", { type: "button", text: "A here", onclick: pinning("a"), "aria-label": "A here, where the point is" }),
    h("button", { type: "button", text: "B here", onclick: pinning("b"), "aria-label": "B here, where the point is" }),
    play,
    h("label", { class: "grow" }, spoken("Place between the pins"), slider),
    h("label", { class: "inline" }, "Way ", choice),
  );

  const ask = newestWins(
    (/** @type {Float32Array[]} */ zs) => decode(zs),
    (xs) => xs.forEach((x, k) => cells[k].view.draw(x)),
    trouble,
  );
  let frame = 0;
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const label = () => (play.textContent = frame ? "Stop" : still.matches ? "Next step" : "Play");
  still.addEventListener("change", label);

  /** @param {number} t */
  function walkTo(t) {
    if (!store.a || !store.b) return;
    slider.value = String(t);
    slider.setAttribute("aria-valuetext", `${Math.round(100 * t)} % of the way from A to B`);
    store.go(along(store.a, store.b, t, store.path, prior), "walk");
    cells.forEach(({ button }, k) => button.toggleAttribute("data-here", Math.abs(t * (STEPS - 1) - k) < 0.5));
  }

  function stop() {
    cancelAnimationFrame(frame);
    frame = 0;
    label();
  }

  function toggle() {
    if (frame) return stop();
    if (still.matches) {
      // Who wants nothing to move by itself takes a step at a time.
      const next = Math.floor(Number(slider.value) * (STEPS - 1) + 1e-6) + 1;
      return walkTo(next >= STEPS ? 0 : next / (STEPS - 1));
    }
    let t = Number(slider.value);
    let direction = t >= 1 ? -1 : 1;
    let last = performance.now();
    const tick = (/** @type {number} */ now) => {
      t += (direction * Math.max(now - last, 0)) / 1000 / SECONDS;
      last = now;
      if (t >= 1 || t <= 0) direction = t >= 1 ? -1 : 1;
      walkTo(Math.min(Math.max(t, 0), 1));
      frame = requestAnimationFrame(tick);
    };
    frame = requestAnimationFrame(tick);
    label();
  }

  const hint = byId("walk-note");
  const redraw = rested(30, () => {
    if (!store.a || !store.b) return;
    ask(between(store.a, store.b, STEPS, store.path, prior));
    map.showPath(between(store.a, store.b, TRACE, store.path, prior).map((z) => project(scene.about.plane, z)));
    let sum = 0;
    store.a.forEach((v, i) => (sum += (v - (store.b?.[i] ?? 0)) ** 2));
    hint.textContent = `A and B are ${few(Math.sqrt(sum))} apart. Each step can be pressed.`;
  });
  store.on("pins", redraw);
  store.on("path", () => {
    choice.value = store.path;
    redraw();
  });
  store.on("z", () => {
    if (store.cause !== "walk" && frame) stop();
    if (store.cause !== "walk") cells.forEach(({ button }) => button.removeAttribute("data-here"));
  });
  label();
  redraw();
}
