// Pictures: a canvas of as many pixels as the model has, stretched by the style sheet.

import { h } from "../dom.js";
import { imageInput } from "./image-input.js";

/** @typedef {import("../types.js").Picture} Picture */

/** @type {import("../types.js").Renderer} */
export const image = {
  noun: "picture",
  view(scene, size) {
    const about = /** @type {Picture} */ (scene.about.image);
    const canvas = h("canvas", { width: about.width, height: about.height, class: `picture ${size} ${ink(about)}` });
    if (size === "big") {
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", "The decoded picture");
    } else canvas.setAttribute("aria-hidden", "true");
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
    const pixels = context.createImageData(about.width, about.height);
    return {
      element: canvas,
      draw(x) {
        fill(pixels.data, x, about);
        context.putImageData(pixels, 0, 0);
      },
    };
  },
  glance(scene, row) {
    const { thumbs } = scene.about;
    const about = /** @type {Picture} */ (scene.about.image);
    if (!thumbs) return null;
    const [height, width] = thumbs.cell;
    const canvas = h("canvas", { width, height, class: `picture glance ${ink(about)}`, "aria-hidden": "true" });
    const file = thumbs.files[Math.floor(row / thumbs.per_file)];
    if (!file) return null;
    const place = row % thumbs.per_file;
    sheet(scene.file(file)).then((whole) => {
      const left = (place % thumbs.across) * width;
      const top = Math.floor(place / thumbs.across) * height;
      canvas.getContext("2d")?.drawImage(whole, left, top, width, height, 0, 0, width, height);
    }, () => canvas.remove());
    return canvas;
  },
  input: imageInput,
};

/** @param {Picture} about */
export function ink(about) {
  return about.invert ? "ink" : "";
}

/**
 * Values of a row, channels first, as bytes of a canvas.
 * @param {Uint8ClampedArray} bytes
 * @param {ArrayLike<number>} x
 * @param {Picture} about
 */
export function fill(bytes, x, { channels, height, width, low = 0, high = 1 }) {
  const n = height * width;
  const by = 255 / (high - low);
  for (let i = 0; i < n; i += 1) {
    for (let c = 0; c < 3; c += 1) {
      // A clamped array rounds and ends at 0 and 255 by itself.
      bytes[4 * i + c] = (x[i + (channels === 3 ? c * n : 0)] - low) * by;
    }
    bytes[4 * i + 3] = 255;
  }
}

/** @type {Map<string, Promise<HTMLImageElement>>} */
const sheets = new Map();

/**
 * @param {string} address
 * @returns {Promise<HTMLImageElement>}
 */
function sheet(address) {
  const known = sheets.get(address);
  if (known) return known;
  const loading = new Promise((/** @type {(value: HTMLImageElement) => void} */ done, failed) => {
    const whole = new Image();
    whole.onload = () => done(whole);
    whole.onerror = () => {
      // To be tried again when the pointer comes back.
      sheets.delete(address);
      failed(new Error(`${address} could not be read.`));
    };
    whole.src = address;
  });
  sheets.set(address, loading);
  return loading;
}
