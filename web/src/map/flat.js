// The points on a plain canvas, where a browser has no WebGL: the same picture, more slowly.

import { toScreen } from "./camera.js";
import { MARKS } from "./colours.js";

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Float32Array} points n × 2
 * @returns {import("./webgl.js").Painter}
 */
export function flatPainter(canvas, points) {
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser draws on no canvas.");
  /** @type {Uint8Array | null} */
  let colours = null;
  /** @type {Uint8Array | null} */
  let marks = null;
  /** @type {Map<number, number[]>} rows by their colour, so that a colour is set once */
  let groups = new Map();
  return {
    how: "canvas",
    colour(values, kinds) {
      colours = values;
      marks = kinds;
      groups = new Map();
      const words = new Uint32Array(values.buffer, values.byteOffset, values.length / 4);
      words.forEach((word, i) => {
        const group = groups.get(word);
        if (group) group.push(i);
        else groups.set(word, [i]);
      });
    },
    paint(camera, { size, strength, ratio }) {
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, camera.width, camera.height);
      if (!colours || strength <= 0) return;
      for (const group of groups.values()) {
        const [r, g, b, a] = colours.subarray(4 * group[0], 4 * group[0] + 4);
        context.fillStyle = `rgb(${r} ${g} ${b} / ${(a / 255) * strength})`;
        for (const i of group) {
          const [x, y] = toScreen(camera, points[2 * i], points[2 * i + 1]);
          if (x > -size && y > -size && x < camera.width + size && y < camera.height + size) {
            if (!marks) context.fillRect(x - size / 2, y - size / 2, size, size);
            else shape(context, MARKS[marks[i]], x, y, size / 2);
          }
        }
      }
    },
  };
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {(typeof MARKS)[number]} mark
 * @param {number} x
 * @param {number} y
 * @param {number} r
 */
function shape(context, mark, x, y, r) {
  context.beginPath();
  if (mark === "square") context.rect(x - 0.88 * r, y - 0.88 * r, 1.76 * r, 1.76 * r);
  else if (mark === "diamond") [[0, -1], [1, 0], [0, 1], [-1, 0]].forEach(([u, v]) => context.lineTo(x + 1.25 * r * u, y + 1.25 * r * v));
  else context.arc(x, y, r, 0, 2 * Math.PI);
  if (mark === "ring") context.arc(x, y, r / 2, 0, 2 * Math.PI, true);
  context.fill();
}
