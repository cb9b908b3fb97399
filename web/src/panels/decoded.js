// The decoded thing, large, and in words what it is near to.

import { byId, few, h, rested } from "../dom.js";
import { nearest } from "../math/nearest.js";
import { norm, offPlane, project, lift } from "../math/plane.js";
import { columnMeans } from "../math/random.js";
import { newestWins } from "../newest.js";
import { timed } from "../timing.js";

const OFF = 0.02;
const HERE = 1e-6;

/** @param {import("../explorer.js").Explorer} explorer */
export function decodedPanel({ scene, store, renderer, map, decode, say, trouble }) {
  const { plane } = scene.about;
  const view = renderer.view(scene, "big");
  byId("picture").append(view.element);
  const status = byId("status");
  const glance = byId("nearest");
  const ask = newestWins(
    (/** @type {{z: Float32Array, at: number}} */ { z }) => decode([z]),
    ([x], { at }) => {
      view.draw(x);
      timed(at);
    },
    trouble,
  );
  const middle = scene.n ? Float32Array.from(columnMeans(scene.codes, scene.d)) : Float32Array.from(plane.center);

  const flat = h("button", {
    type: "button",
    text: "Onto the map’s plane",
    onclick: () => {
      store.go(lift(plane, ...project(plane, store.z)), "row");
      say("Moved onto the plane of the map.");
    },
  });
  const pinned = (/** @type {"a" | "b"} */ which) => () => {
    store.pin(which, store.z.slice());
    say(`Pinned as ${which.toUpperCase()}.`);
  };
  const toRow = h("button", { type: "button", text: "To the nearest row", onclick: () => row >= 0 && map.goTo(row) });
  byId("decoded-buttons").append(
    h("button", { type: "button", id: "pin-a", text: "Pin as A", onclick: pinned("a") }),
    h("button", { type: "button", id: "pin-b", text: "Pin as B", onclick: pinned("b") }),
    ...(scene.n ? [toRow] : []),
    h("button", { type: "button", text: "To the middle", onclick: () => store.go(middle.slice(), "row") }),
    flat,
  );

  let row = -1;
  const describe = rested(180, () => {
    const away = scene.d > 2 ? norm(offPlane(plane, store.z)) : 0;
    flat.hidden = !(away > OFF);
    if (!scene.n) {
      status.textContent = "No encoded rows to compare with.";
      return;
    }
    const [found] = nearest(scene.codes, scene.d, store.z, 1);
    if (!found) return;
    const label = scene.labelOf(found.row);
    const name = label ? `${label} (${scene.placeOf(found.row)})` : scene.placeOf(found.row);
    const words = found.distance < HERE ? `At ${name}` : `Nearest row: ${name}, ${few(found.distance)} away`;
    status.textContent = `${words}${away > OFF ? `; ${few(away)} off the map’s plane` : ""}.`;
    if (found.row === row) return;
    row = found.row;
    const seen = renderer.glance(scene, row);
    glance.replaceChildren(...(seen ? [seen] : []));
    glance.hidden = !seen;
  });
  const follow = () => {
    ask({ z: store.z, at: store.movedAt });
    describe();
  };
  store.on("z", follow);
  follow();
  return { nearestRow: () => row, view };
}
