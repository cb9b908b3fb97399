// What no renderer knows: said politely, with its numbers as a line.

import { h } from "../dom.js";

/** @type {import("../types.js").Renderer} */
export const other = {
  noun: "thing",
  view(scene, size) {
    const big = size === "big";
    const [width, height] = big ? [600, 260] : [120, 60];
    const canvas = h("canvas", { width, height, class: `numbers ${size}`, role: big ? "img" : null, "aria-label": big ? "The decoded numbers, as a line" : null, "aria-hidden": big ? null : "true" });
    const words = scene.about.why_not || "This page cannot draw such data yet; these are the decoded numbers, one beside the other.";
    return {
      element: big ? h("figure", {}, canvas, h("figcaption", { text: words })) : canvas,
      draw(x) {
        const context = canvas.getContext("2d");
        if (context) line(context, x, width, height);
      },
    };
  },
  glance: () => null,
  input: null,
};

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Float32Array} x
 * @param {number} width
 * @param {number} height
 */
function line(context, x, width, height) {
  let [low, high] = [Infinity, -Infinity];
  for (const v of x) {
    low = Math.min(low, v);
    high = Math.max(high, v);
  }
  const span = high - low || 1;
  context.clearRect(0, 0, width, height);
  context.beginPath();
  x.forEach((v, i) => {
    const px = x.length > 1 ? (i / (x.length - 1)) * (width - 4) + 2 : width / 2;
    context.lineTo(px, height - 4 - ((v - low) / span) * (height - 8));
  });
  context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--ours").trim();
  context.lineWidth = 2;
  context.stroke();
}
