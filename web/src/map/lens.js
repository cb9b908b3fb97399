// The small card beside the pointer: a glance at the row there.

import { few, h } from "../dom.js";

/**
 * @param {HTMLElement} ground
 * @param {import("../types.js").Scene} scene
 * @param {import("../types.js").Renderer} renderer
 */
export function makeLens(ground, scene, renderer) {
  const lens = h("div", { class: "lens", hidden: true, "aria-hidden": "true" });
  ground.append(lens);
  return {
    /**
     * @param {number} row -1 for none
     * @param {[number, number]} at
     * @param {import("./camera.js").Camera} camera
     */
    show(row, [x, y], camera) {
      lens.hidden = row < 0;
      if (row < 0) return;
      const label = scene.labelOf(row);
      const score = scene.scores && Number.isFinite(scene.scores[row]) ? scene.scores[row] : null;
      lens.replaceChildren(
        ...[
          renderer.glance(scene, row),
          h("p", { class: "said", text: label ? `${label} · ${scene.placeOf(row)}` : scene.placeOf(row) }),
          score === null ? null : h("p", { class: "faint", text: `${scene.about.score_name}: ${few(score, 1)}` }),
        ].filter((part) => part !== null),
      );
      const { offsetWidth: wide, offsetHeight: high } = lens;
      const left = x + 16 + wide > camera.width ? x - 16 - wide : x + 16;
      lens.style.left = `${Math.max(4, left)}px`;
      lens.style.top = `${Math.min(Math.max(4, y - high / 2), Math.max(4, camera.height - high - 4))}px`;
    },
  };
}
