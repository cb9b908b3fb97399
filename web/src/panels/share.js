// What is looked at, taken elsewhere: in the address, as a link, as lines of Python.

import { NOBODY, chosen } from "../choosing.js";
import { byId, rested } from "../dom.js";
import { FIRST_DRAWS } from "../store.js";
import { settled } from "../support.js";
import { fromHash, shortest, toHash } from "../url.js";
import { HOTTEST } from "./samples.js";

/** @param {import("../explorer.js").Explorer} explorer */
export function sharePanel({ scene, store, map, say }) {
  const place = () => ({
    z: store.z,
    a: store.a,
    b: store.b,
    colour: store.colour,
    path: store.path,
    view: map.moved() ? map.view() : null,
    behind: scene.about.manifold ? store.behind : null,
    lit: store.lit && [...store.lit],
    away: store.groups.a.how,
    like: store.groups.b.how,
    seed: store.draws.seed === FIRST_DRAWS.seed ? null : store.draws.seed,
    temperature: store.draws.temperature === FIRST_DRAWS.temperature ? null : store.draws.temperature,
  });
  // Browsers refuse an address that changes with every frame.
  const write = rested(250, () => history.replaceState(null, "", `#${toHash(place())}`));
  for (const topic of /** @type {const} */ (["z", "pins", "look", "path", "groups", "draws"])) store.on(topic, write);
  map.onView(write);

  const copy = async (/** @type {string} */ text, /** @type {string} */ what) => {
    try {
      await navigator.clipboard.writeText(text);
      say(`${what} copied.`);
    } catch {
      // Without the clipboard it can still be taken by hand.
      const shown = /** @type {HTMLTextAreaElement} */ (byId("copied"));
      shown.value = text;
      shown.hidden = false;
      shown.focus();
      shown.select();
      say(`${what}: copy it from the field.`);
    }
  };
  byId("copy-link").addEventListener("click", () => {
    const url = new URL(location.href);
    url.hash = toHash(place());
    history.replaceState(null, "", url.hash);
    void copy(url.href, "Link");
  });
  byId("copy-python").addEventListener("click", () => void copy(asPython(scene, store), "Python"));
}

/**
 * Lines that decode what the page shows: the possible z that it asks its model about.
 * @param {import("../types.js").Scene} scene
 * @param {import("../store.js").Store} store
 */
export function asPython({ about }, store) {
  const shape = [1, ...about.z_shape].join(", ");
  const tensor = (/** @type {Float32Array} */ z) =>
    `torch.tensor([${Array.from(settled(about, z), shortest).join(", ")}], dtype=torch.float32).reshape(${shape})`;
  const { python } = about;
  const lines = [...(/^import torch$/m.test(python) ? [] : ["import torch"]), python.trim(), "", `z = ${tensor(store.z)}`, "x = run.decode(z)  # the likelihood's mean at z"];
  if (store.a && store.b) lines.push("", "# The pins.", `a = ${tensor(store.a)}`, `b = ${tensor(store.b)}`);
  return `${lines.join("\n")}\n`;
}

/**
 * What an address says, into the store.
 * @param {import("../types.js").Scene} scene
 * @param {import("../store.js").Store} store
 * @param {ReturnType<typeof import("../map/map.js").makeMap>} map
 */
export function readAddress(scene, store, map) {
  const said = fromHash(location.hash, scene.d);
  if (said.path === "linear" || (said.path === "spherical" && scene.prior.kind === "normal")) store.set("path", { path: said.path });
  const may = { label: Boolean(scene.labels), score: Boolean(scene.scores), plain: true };
  const colour = /** @type {keyof typeof may} */ (said.colour ?? "");
  const lit = (said.lit ?? []).filter((label) => scene.rankOf(label) >= 0);
  store.set("look", {
    ...(Object.hasOwn(may, colour) && may[colour] ? { colour } : {}),
    ...(said.behind === null ? {} : { behind: said.behind }),
    lit: lit.length ? new Set(lit) : null,
  });
  const { groups, draws } = store;
  const group = (/** @type {string} */ how) => (how ? chosen(scene, how).group : NOBODY);
  if (said.away !== groups.a.how || said.like !== groups.b.how) store.set("groups", { groups: { a: group(said.away), b: group(said.like) } });
  const seed = said.seed ?? FIRST_DRAWS.seed;
  const temperature = Math.min(said.temperature ?? FIRST_DRAWS.temperature, HOTTEST);
  if (seed !== draws.seed || temperature !== draws.temperature) store.set("draws", { draws: { seed, temperature } });
  if (said.a) store.pin("a", said.a);
  if (said.b) store.pin("b", said.b);
  if (said.z) store.go(said.z, "address", 0);
  if (said.view) map.setView(said.view);
  else map.fit();
}
