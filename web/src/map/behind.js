// What is decoded all over the plane, as pictures under the points; for two latents.

import { toScreen } from "./camera.js";

const SMALLEST = 46;
const FILLED = 0.94;

/**
 * Every how many cells a picture is drawn, so that none is smaller than can be seen.
 * @param {number} side cells a side
 * @param {number} pixels of the smaller side of a cell
 */
export function strideOf(side, pixels) {
  for (let k = 1; k < side; k += 1) if (side % k === 0 && k * pixels >= SMALLEST) return k;
  return side;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {import("../types.js").Scene} scene
 */
export function paintBehind(canvas, scene) {
  const { manifold, image } = scene.about;
  const context = canvas.getContext("2d");
  if (!manifold || !context) return { ready: Promise.resolve(), paint() {} };
  if (image?.invert) canvas.classList.add("ink");
  const sheet = new Image();
  const ready = new Promise((/** @type {(value: void) => void} */ done) => {
    sheet.onload = () => done();
    sheet.onerror = () => done();
  });
  sheet.src = scene.file(manifold.file);
  const { low, high, side } = manifold;
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
      if (!shown || !sheet.complete || !sheet.naturalWidth) return;
      const [left, top] = toScreen(camera, low[0], high[1]);
      const [right, bottom] = toScreen(camera, high[0], low[1]);
      const [wide, tall] = [(right - left) / side, (bottom - top) / side];
      const [w, t] = [sheet.naturalWidth / side, sheet.naturalHeight / side];
      const stride = strideOf(side, Math.min(wide, tall));
      const by = FILLED * Math.min((stride * wide) / w, (stride * tall) / t);
      context.imageSmoothingEnabled = by * ratio < 2;
      context.imageSmoothingQuality = "high";
      for (let line = stride >> 1; line < side; line += stride) {
        for (let column = stride >> 1; column < side; column += stride) {
          // Around its own place, which an even stride does not put into the middle of what it stands for.
          const x = left + (column + 0.5) * wide - (by * w) / 2;
          const y = top + (line + 0.5) * tall - (by * t) / 2;
          if (x > camera.width || y > camera.height || x + by * w < 0 || y + by * t < 0) continue;
          context.drawImage(sheet, column * w, line * t, w, t, x, y, by * w, by * t);
        }
      }
    },
  };
}
