// A picture of one's own: chosen, dropped or drawn, made as large and as grey as the model's.

import { h } from "../dom.js";
import { fill, ink } from "./image.js";
import { makePad } from "./pad.js";

/** @typedef {import("../types.js").Picture} Picture */

/** @type {NonNullable<import("../types.js").Renderer["input"]>} */
export const imageInput = (scene, given, say) => {
  const about = /** @type {Picture} */ (scene.about.image);
  const shown = h("canvas", { width: about.width, height: about.height, class: `picture small ${ink(about)}`, role: "img", "aria-label": "Your picture, as the model gets it" });
  const result = h("figure", { class: "given", hidden: true }, shown, h("figcaption", { text: "as the model gets it" }));
  const invert = h("input", { type: "checkbox", id: "own-invert" });
  /** @type {CanvasImageSource & {width: number, height: number} | null} */
  let source = null;
  let drawn = false;

  const read = () => {
    if (!source) return;
    const { x, bytes } = toValues(source, about, invert.checked);
    const context = shown.getContext("2d");
    context?.putImageData(new ImageData(bytes, about.width, about.height), 0, 0);
    result.hidden = false;
    given({ x, mask: new Float32Array(x.length).fill(1), row: null });
  };
  const take = async (/** @type {Blob} */ file) => {
    try {
      source = await createImageBitmap(file);
    } catch {
      say("This file is no picture that the browser can read; try a PNG or a JPEG.");
      return;
    }
    drawn = false;
    // A page of dark ink for a model of light ink, or the other way round.
    const ground = about.ground ?? (about.invert ? "dark" : "mixed");
    invert.checked = ground !== "mixed" && (borderOf(source) > 0.5) !== (ground === "light");
    read();
  };
  invert.addEventListener("change", () => {
    if (!drawn) read();
  });

  const file = h("input", {
    type: "file",
    accept: "image/*",
    id: "own-file",
    onchange: () => file.files?.[0] && take(file.files[0]),
  });
  const zone = h(
    "div",
    { class: "drop" },
    h("label", { for: "own-file", text: "Choose or drop a picture" }),
    file,
    h("label", { class: "check" }, invert, " invert light and dark"),
  );
  const stop = (/** @type {DragEvent} */ event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    zone.classList.toggle("over", event.type === "dragover");
    if (event.type === "drop" && event.dataTransfer.files[0]) void take(event.dataTransfer.files[0]);
  };
  // Anywhere on the page will do.
  for (const type of /** @type {const} */ (["dragover", "dragleave", "drop"])) document.addEventListener(type, stop);

  const pad =
    about.channels === 1
      ? makePad(about, (canvas) => {
          source = canvas;
          drawn = true;
          // The pad is drawn in the model's own colours.
          invert.checked = false;
          read();
        })
      : null;
  return h("div", { class: "own" }, zone, pad, result);
};

/**
 * How light the edge of a picture is, from 0 to 1.
 * @param {CanvasImageSource & {width: number, height: number}} source
 */
function borderOf(source) {
  const side = 24;
  const context = scratch(side, side);
  context.fillStyle = "#fff";
  context.fillRect(0, 0, side, side);
  context.drawImage(source, 0, 0, side, side);
  const { data } = context.getImageData(0, 0, side, side);
  let sum = 0;
  let n = 0;
  for (let i = 0; i < side * side; i += 1) {
    const x = i % side;
    const y = Math.floor(i / side);
    if (x && y && x < side - 1 && y < side - 1) continue;
    sum += lightness(data, i);
    n += 1;
  }
  return sum / n;
}

/**
 * @param {CanvasImageSource & {width: number, height: number}} source
 * @param {Picture} about
 * @param {boolean} inverted
 */
function toValues(source, about, inverted) {
  const { channels, height, width, low = 0, high = 1 } = about;
  const n = width * height;
  const paper = Math.round(255 * borderOf(source));
  const fit = Math.min(width / source.width, height / source.height);
  let [w, h_] = [source.width, source.height];
  /** @type {CanvasImageSource} */
  let from = source;
  // By halves, since a browser looks at few pixels when it shrinks a lot at once.
  while (Math.min(w, h_) * 0.5 > Math.max(width, height)) {
    const half = scratch(Math.max(1, w >> 1), Math.max(1, h_ >> 1));
    half.drawImage(from, 0, 0, half.canvas.width, half.canvas.height);
    [w, h_] = [half.canvas.width, half.canvas.height];
    from = half.canvas;
  }
  const context = scratch(width, height);
  context.fillStyle = `rgb(${paper} ${paper} ${paper})`;
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  const [wide, long] = [source.width * fit, source.height * fit];
  context.drawImage(from, (width - wide) / 2, (height - long) / 2, wide, long);
  const { data } = context.getImageData(0, 0, width, height);
  const x = new Float32Array(channels * n);
  for (let i = 0; i < n; i += 1) {
    for (let c = 0; c < channels; c += 1) {
      const unit = channels === 1 ? lightness(data, i) : data[4 * i + c] / 255;
      x[c * n + i] = low + (high - low) * (inverted ? 1 - unit : unit);
    }
  }
  const bytes = new Uint8ClampedArray(4 * n);
  fill(bytes, x, about);
  return { x, bytes };
}

/**
 * @param {Uint8ClampedArray} data
 * @param {number} i
 */
function lightness(data, i) {
  return (0.2126 * data[4 * i] + 0.7152 * data[4 * i + 1] + 0.0722 * data[4 * i + 2]) / 255;
}

/**
 * @param {number} width
 * @param {number} height
 */
function scratch(width, height) {
  const canvas = h("canvas", { width, height });
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
}
