// A picture of any size as values of the run's: the rules of latentia/data/reading/image_files.py, and Pillow's way to resize, to a
// byte: some versions of it go down before they go across, and round in between.

const BITS = 22;

/**
 * A picture's pixels, four bytes each, as a canvas gives them; what was clear lies on black.
 * @typedef {{width: number, height: number, data: ArrayLike<number>}} Pixels
 */

/**
 * One byte for each value.
 * @typedef {{width: number, height: number, bytes: Uint8Array}} Plane
 */

/**
 * Values (channels, height, width) of a row.
 * @param {Pixels} source
 * @param {import("./types.js").Picture} about
 * @param {boolean} inverted light and dark change places before the picture is fitted, so that what is beside it is black
 */
export function brought(source, about, inverted = false) {
  const { channels, height, width, low = 0, high = 1, levels = null } = about;
  const steps = levels !== null && levels < 256 ? levels - 1 : 0;
  const x = new Float32Array(channels * height * width);
  planes(source, channels, inverted).forEach((plane, c) => {
    fitted(plane, width, height, about.aspect ?? "crop").bytes.forEach((byte, i) => {
      const unit = steps ? Math.round((byte / 255) * steps) / steps : byte / 255;
      x[c * height * width + i] = low + (high - low) * unit;
    });
  });
  return x;
}

/**
 * @param {Pixels} source
 * @param {number} channels
 * @param {boolean} inverted
 * @returns {Plane[]}
 */
function planes({ width, height, data }, channels, inverted) {
  return Array.from({ length: channels }, (_, c) => {
    const bytes = new Uint8Array(width * height);
    for (let i = 0; i < bytes.length; i += 1) {
      const at = 4 * i;
      const byte = channels === 1 ? (19595 * data[at] + 38470 * data[at + 1] + 7471 * data[at + 2] + 0x8000) >> 16 : data[at + c];
      bytes[i] = inverted ? 255 - byte : byte;
    }
    return { width, height, bytes };
  });
}

/**
 * @param {Plane} plane
 * @param {number} width
 * @param {number} height
 * @param {"crop" | "pad" | "stretch"} aspect
 * @returns {Plane}
 */
function fitted(plane, width, height, aspect) {
  if (plane.width === width && plane.height === height) return plane;
  if (aspect === "stretch") return resized(plane, width, height, [0, 0, plane.width, plane.height]);
  const [is, wanted] = [plane.width / plane.height, width / height];
  if (aspect === "crop") {
    // The largest middle part that has the shape.
    const wide = is >= wanted ? (is === wanted ? plane.width : wanted * plane.height) : plane.width;
    const long = is >= wanted ? plane.height : plane.width / wanted;
    const [left, top] = [(plane.width - wide) * 0.5, (plane.height - long) * 0.5];
    return resized(plane, width, height, [left, top, left + wide, top + long]);
  }
  let [w, h] = [width, height];
  if (is > wanted) h = halfToEven((plane.height / plane.width) * width);
  else if (is < wanted) w = halfToEven((plane.width / plane.height) * height);
  const inner = w === plane.width && h === plane.height ? plane : resized(plane, Math.max(w, 1), Math.max(h, 1), [0, 0, plane.width, plane.height]);
  const [left, top] = [halfToEven((width - inner.width) * 0.5), halfToEven((height - inner.height) * 0.5)];
  const bytes = new Uint8Array(width * height);
  for (let y = 0; y < inner.height; y += 1) bytes.set(inner.bytes.subarray(y * inner.width, (y + 1) * inner.width), (top + y) * width + left);
  return { width, height, bytes };
}

/**
 * By a triangle as wide as a pixel of the answer, first across, then down, rounded to bytes after each.
 * @param {Plane} plane
 * @param {number} width
 * @param {number} height
 * @param {number[]} box left, top, right and bottom of what is taken
 * @returns {Plane}
 */
function resized(plane, width, height, box) {
  const [left, top, right, bottom] = box.map(Math.fround);
  let { bytes } = plane;
  let across = plane.width;
  if (width !== across || left !== 0 || right !== width) {
    const parts = weights(across, left, right, width);
    const out = new Uint8Array(width * plane.height);
    for (let y = 0; y < plane.height; y += 1) {
      for (let x = 0; x < width; x += 1) out[y * width + x] = sum(parts[x], bytes, y * across, 1);
    }
    [bytes, across] = [out, width];
  }
  if (height !== plane.height || top !== 0 || bottom !== height) {
    const parts = weights(plane.height, top, bottom, height);
    const out = new Uint8Array(width * height);
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) out[y * width + x] = sum(parts[y], bytes, x, width);
    }
    bytes = out;
  }
  return { width, height, bytes };
}

/**
 * For each pixel of the answer the first that counts, and how much each from there on does.
 * @param {number} size
 * @param {number} from
 * @param {number} to
 * @param {number} out
 */
function weights(size, from, to, out) {
  const scale = Math.fround(to - from) / out;
  const support = Math.max(scale, 1);
  return Array.from({ length: out }, (_, k) => {
    const center = from + (k + 0.5) * scale;
    const first = Math.max(Math.trunc(center - support + 0.5), 0);
    const last = Math.min(Math.trunc(center + support + 0.5), size);
    const each = Array.from({ length: last - first }, (_x, i) => Math.max(0, 1 - Math.abs((i + first - center + 0.5) / support)));
    const total = each.reduce((a, b) => a + b, 0);
    return { first, by: each.map((w) => Math.trunc(0.5 + (total ? w / total : w) * 2 ** BITS)) };
  });
}

/**
 * @param {{first: number, by: number[]}} part
 * @param {Uint8Array} bytes
 * @param {number} start
 * @param {number} stride
 */
function sum({ first, by }, bytes, start, stride) {
  let held = 2 ** (BITS - 1);
  for (let i = 0; i < by.length; i += 1) held += by[i] * bytes[start + (first + i) * stride];
  return Math.min(255, Math.floor(held / 2 ** BITS));
}

/** @param {number} value */
function halfToEven(value) {
  const down = Math.floor(value);
  const rest = value - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down;
}
