// A picture of one's own: chosen, dropped or drawn, brought to the form of the run's rows as the run itself would.

import { brought } from "../brought.js";
import { h } from "../dom.js";
import { fill, ink } from "./image.js";
import { makePad } from "./pad.js";

/** @typedef {import("../types.js").Picture} Picture */
/** @typedef {CanvasImageSource & {width: number, height: number}} Source */

// A picture takes four bytes a pixel and more while it is read; of a large one the browser itself makes a smaller one first.
const MOST_PIXELS = 50_000_000;
const NEAR_PIXELS = 4_000_000;
const MOST_BYTES = 64 * 2 ** 20;
const NO_PICTURE = "This file is no picture that the browser can read; try a PNG or a JPEG.";

/** @type {NonNullable<import("../types.js").Renderer["input"]>} */
export const imageInput = (scene, given, say) => {
  const about = /** @type {Picture} */ (scene.about.image);
  const shown = h("canvas", { width: about.width, height: about.height, class: `picture small ${ink(about)}`, role: "img", "aria-label": "Your picture, as the model gets it" });
  const how = about.levels === 2 ? "as the model gets it: bits, 1 from half light on" : "as the model gets it";
  const result = h("figure", { class: "given", hidden: true }, shown, h("figcaption", { text: how }));
  const invert = h("input", { type: "checkbox", id: "own-invert" });
  /** @type {Source | null} */
  let source = null;
  let drawn = false;
  // Counts what was given, so that a file that is slow to read does not come after one that was given later.
  let turn = 0;

  const hold = (/** @type {Source} */ next) => {
    if (source instanceof ImageBitmap && source !== next) source.close();
    source = next;
  };
  const read = () => {
    if (!source) return;
    const x = brought(pixelsOf(source), about, invert.checked);
    const bytes = new Uint8ClampedArray(4 * about.width * about.height);
    fill(bytes, x, about);
    shown.getContext("2d")?.putImageData(new ImageData(bytes, about.width, about.height), 0, 0);
    result.hidden = false;
    given({ x, mask: new Float32Array(x.length).fill(1), row: null });
  };
  const take = async (/** @type {Blob} */ file) => {
    turn += 1;
    const mine = turn;
    /** @type {ImageBitmap | string} */
    const found = await opened(file).catch((error) => (error instanceof TooLarge ? error.message : NO_PICTURE));
    if (mine !== turn) {
      if (typeof found !== "string") found.close();
      return;
    }
    if (typeof found === "string") {
      say(found);
      return;
    }
    hold(found);
    drawn = false;
    // A page of dark ink for a model of light ink, or the other way round.
    const ground = about.ground ?? (about.invert ? "dark" : "mixed");
    invert.checked = ground !== "mixed" && (borderOf(found) > 0.5) !== (ground === "light");
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
          turn += 1;
          hold(canvas);
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
 * @param {Source} source
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

class TooLarge extends Error {}

/**
 * A file's picture; its size is known before its pixels are unpacked.
 * @param {Blob} file
 */
async function opened(file) {
  if (file.size > MOST_BYTES) throw new TooLarge(`This file has ${Math.round(file.size / 2 ** 20)} MiB, too many for a picture here (64); make it smaller.`);
  const { width, height } = await sizeOf(file);
  if (width * height > MOST_PIXELS) throw new TooLarge(`This picture has ${width} x ${height} pixels, too many (50 million); make it smaller.`);
  // Numbers as they stand in the file, whatever colours a profile means by them.
  return createImageBitmap(file, { colorSpaceConversion: "none" });
}

/**
 * @param {Blob} file
 * @returns {Promise<{width: number, height: number}>}
 */
function sizeOf(file) {
  const address = URL.createObjectURL(file);
  return new Promise((/** @type {(size: {width: number, height: number}) => void} */ done, failed) => {
    const image = new Image();
    image.onload = () => done({ width: image.naturalWidth, height: image.naturalHeight });
    image.onerror = failed;
    image.src = address;
  }).finally(() => URL.revokeObjectURL(address));
}

/** @param {Source} source */
function pixelsOf(source) {
  const by = Math.min(1, Math.sqrt(NEAR_PIXELS / (source.width * source.height)));
  const [width, height] = [Math.max(1, Math.round(source.width * by)), Math.max(1, Math.round(source.height * by))];
  const context = scratch(width, height);
  context.fillStyle = "#000";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
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
