// What is decoded all over the plane, as a picture under the points; for two latents.

import { toScreen } from "./camera.js";

/**
 * @param {HTMLCanvasElement} canvas
 * @param {import("../types.js").Scene} scene
 */
export function paintBehind(canvas, scene) {
  const { manifold, image } = scene.about;
  const context = canvas.getContext("2d");
  if (!manifold || !context) return { ready: Promise.resolve(), paint() {} };
  if (image?.invert) canvas.classList.add("ink");
  const picture = new Image();
  const ready = new Promise((/** @type {(value: void) => void} */ done) => {
    picture.onload = () => done();
    picture.onerror = () => done();
  });
  picture.src = scene.file(manifold.file);
  return {
    ready,
    /**
     * @param {import("./camera.js").Camera} camera
     * @param {boolean} shown
     * @param {number} ratio
     */
    paint(camera, shown, ratio) {
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, camera.width, camera.height);
      if (!shown || !picture.complete || !picture.naturalWidth) return;
      const [left, top] = toScreen(camera, manifold.low[0], manifold.high[1]);
      const [right, bottom] = toScreen(camera, manifold.high[0], manifold.low[1]);
      context.imageSmoothingEnabled = true;
      context.imageSmoothingQuality = "high";
      context.drawImage(picture, left, top, right - left, bottom - top);
    },
  };
}
