// A small sheet to draw on, in the model's own light and dark.

import { h } from "../dom.js";
import { ink } from "./image.js";

/**
 * @param {import("../types.js").Picture} about
 * @param {(canvas: HTMLCanvasElement) => void} changed
 */
export function makePad(about, changed) {
  const by = Math.max(1, Math.round(196 / Math.max(about.width, about.height)));
  const canvas = h("canvas", { width: about.width * by, height: about.height * by, class: `pad ${ink(about)}`, role: "img", "aria-label": "A sheet to draw on by hand" });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const dark = about.invert || about.ground === "dark";
  const clear = () => {
    context.fillStyle = dark ? "#000" : "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
  };
  clear();
  /** @type {[number, number] | null} */
  let last = null;
  const stroke = (/** @type {PointerEvent} */ event) => {
    const box = canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * canvas.width;
    const y = ((event.clientY - box.top) / box.height) * canvas.height;
    context.strokeStyle = dark ? "#fff" : "#000";
    context.lineWidth = Math.min(canvas.width, canvas.height) / 11;
    context.lineCap = "round";
    context.lineJoin = "round";
    context.beginPath();
    context.moveTo(...(last ?? /** @type {[number, number]} */ ([x, y])));
    context.lineTo(x, y);
    context.stroke();
    last = [x, y];
    changed(canvas);
  };
  canvas.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    stroke(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (last) stroke(event);
  });
  for (const type of /** @type {const} */ (["pointerup", "pointercancel"])) canvas.addEventListener(type, () => (last = null));
  const again = h("button", { type: "button", class: "quiet", onclick: clear, text: "Clean the sheet" });
  return h("figure", {}, h("div", { class: "sheet" }, canvas), h("figcaption", {}, "or draw one · ", again));
}
