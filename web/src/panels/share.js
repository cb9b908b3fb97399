// What is looked at, taken elsewhere: in the address, as a link, as lines of Python.

import { byId, rested } from "../dom.js";
import { fromHash, shortest, toHash } from "../url.js";

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
  });
  // Browsers refuse an address that changes with every frame.
  const write = rested(250, () => history.replaceState(null, "", `#${toHash(place())}`));
  for (const topic of /** @type {const} */ (["z", "pins", "look", "path"])) store.on(topic, write);
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
 * @param {import("../types.js").Scene} scene
 * @param {import("../store.js").Store} store
 */
export function asPython(scene, store) {
  const vector = (/** @type {Float32Array} */ z) => `[${Array.from(z, shortest).join(", ")}]`;
  const shape = scene.about.z_shape.join(", ");
  const tensor = (/** @type {Float32Array} */ z, /** @type {string} */ rows) =>
    `torch.tensor(${vector(z)}).reshape(${rows}${shape ? `, ${shape}` : ""})`;
  const { python } = scene.about;
  const lines = [...(/^import torch$/m.test(python) ? [] : ["import torch"]), python.trim(), "", `z = ${tensor(store.z, "1")}`, "x = run.decode(z)  # the likelihood's mean at z"];
  if (store.a && store.b) {
    lines.push("", "# The pins.", `a = ${tensor(store.a, "1")}`, `b = ${tensor(store.b, "1")}`);
  }
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
  const look = { ...(may[colour] ? { colour } : {}), ...(said.behind === null ? {} : { behind: said.behind }) };
  if (Object.keys(look).length) store.set("look", look);
  if (said.a) store.pin("a", said.a);
  if (said.b) store.pin("b", said.b);
  if (said.z) store.go(said.z, "address", 0);
  if (said.view) map.setView(said.view);
}
