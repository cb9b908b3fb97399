// What is drawn over the points: the pins and the way between them, a posterior's spread, a line being drawn.

import { toScreen } from "./camera.js";

const HALF_AND_MOST = [1.177, 2.448];
const WITHIN_95 = 2.448;
const MOST_CIRCLES = 500;

/**
 * @typedef {object} Marks
 * @property {[number, number] | null} a
 * @property {[number, number] | null} b
 * @property {[number, number][]} path
 * @property {{at: [number, number], long: number, short: number, angle: number} | null} spread
 * @property {[number, number][]} neighbours
 * @property {[number, number][]} line of a lasso, in the plane
 * @property {{rows: number[], mark: "cross" | "ring"}[]} groups
 * @property {[number, number] | null} hover
 * @property {{at: [number, number], name: string}[]} names of labels
 * @property {{at: [number, number], long: number, short: number, angle: number} | null} rings those of a normal prior
 * @property {boolean} quiet whether pictures lie behind, so that names and rings stay out of their way
 */

/**
 * @param {CanvasRenderingContext2D} context
 * @param {import("./camera.js").Camera} camera
 * @param {Marks} marks
 * @param {Float32Array} points
 * @param {(name: string) => string} colour of the style sheet
 */
export function drawMarks(context, camera, marks, points, colour) {
  const at = (/** @type {[number, number]} */ p) => toScreen(camera, p[0], p[1]);
  const paper = colour("--paper");
  const ink = colour("--ink");
  context.clearRect(0, 0, camera.width, camera.height);
  context.lineJoin = "round";
  if (marks.rings && !marks.quiet) drawRings(context, camera, marks.rings, colour("--off"));
  if (!marks.quiet) for (const name of marks.names) drawName(context, at(name.at), name.name, ink, paper);
  for (const group of marks.groups) drawGroup(context, camera, group, points, ink);
  if (marks.path.length > 1) {
    trace(context, marks.path.map(at), false);
    halo(context, paper, ink, 1.6, [5, 4]);
  }
  if (marks.spread) drawSpread(context, camera, marks.spread, colour("--best"), paper);
  for (const p of marks.neighbours) ring(context, at(p), 6, ink, paper, 1.5);
  if (marks.line.length > 1) {
    trace(context, marks.line.map(at), true);
    context.fillStyle = colour("--lasso");
    context.fill();
    halo(context, paper, ink, 1.4, [3, 3]);
  }
  if (marks.hover) ring(context, at(marks.hover), 7, ink, paper, 2);
  if (marks.a) pin(context, at(marks.a), "A", ink, paper);
  if (marks.b) pin(context, at(marks.b), "B", ink, paper);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {[number, number][]} places
 * @param {boolean} closed
 */
function trace(context, places, closed) {
  context.beginPath();
  places.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  if (closed) context.closePath();
}

/**
 * A line that can be seen on any ground.
 * @param {CanvasRenderingContext2D} context
 * @param {string} under
 * @param {string} over
 * @param {number} wide
 * @param {number[]} dashes
 */
function halo(context, under, over, wide, dashes = []) {
  context.setLineDash([]);
  context.lineWidth = wide + 2.5;
  context.strokeStyle = under;
  context.stroke();
  context.setLineDash(dashes);
  context.lineWidth = wide;
  context.strokeStyle = over;
  context.stroke();
  context.setLineDash([]);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {[number, number]} at
 * @param {number} radius
 * @param {string} colour
 * @param {string} paper
 * @param {number} wide
 */
function ring(context, [x, y], radius, colour, paper, wide) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  halo(context, paper, colour, wide);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {[number, number]} at
 * @param {string} letter
 * @param {string} ink
 * @param {string} paper
 */
function pin(context, [x, y], letter, ink, paper) {
  context.beginPath();
  context.arc(x, y, 10, 0, 2 * Math.PI);
  context.fillStyle = ink;
  context.fill();
  context.lineWidth = 2;
  context.strokeStyle = paper;
  context.stroke();
  context.fillStyle = paper;
  context.font = "650 11.5px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(letter, x, y + 0.5);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {[number, number]} at
 * @param {string} words
 * @param {string} colour
 * @param {string} paper
 */
function drawName(context, [x, y], words, colour, paper) {
  context.font = "680 15px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineWidth = 5;
  context.strokeStyle = paper;
  context.strokeText(words, x, y);
  context.fillStyle = colour;
  context.fillText(words, x, y);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {import("./camera.js").Camera} camera
 * @param {NonNullable<Marks["rings"]>} rings
 * @param {string} colour
 */
function drawRings(context, camera, { at, long, short, angle }, colour) {
  const [x, y] = toScreen(camera, at[0], at[1]);
  context.strokeStyle = colour;
  context.lineWidth = 1;
  for (const radius of HALF_AND_MOST) {
    context.beginPath();
    context.ellipse(x, y, radius * camera.scale * long, radius * camera.scale * short, -angle, 0, 2 * Math.PI);
    context.stroke();
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {import("./camera.js").Camera} camera
 * @param {{at: [number, number], long: number, short: number, angle: number}} spread
 * @param {string} colour
 * @param {string} paper
 */
function drawSpread(context, camera, spread, colour, paper) {
  const [x, y] = toScreen(camera, spread.at[0], spread.at[1]);
  const r = WITHIN_95 * camera.scale;
  context.beginPath();
  // The screen's second axis points down.
  context.ellipse(x, y, Math.max(r * spread.long, 1), Math.max(r * spread.short, 1), -spread.angle, 0, 2 * Math.PI);
  context.globalAlpha = 0.16;
  context.fillStyle = colour;
  context.fill();
  context.globalAlpha = 1;
  halo(context, paper, colour, 1.6);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {import("./camera.js").Camera} camera
 * @param {Marks["groups"][number]} group
 * @param {Float32Array} points
 * @param {string} ink
 */
function drawGroup(context, camera, { rows, mark }, points, ink) {
  context.strokeStyle = ink;
  context.lineWidth = 1;
  context.globalAlpha = 0.7;
  context.beginPath();
  // More than these would be one blot.
  const stride = Math.ceil(rows.length / MOST_CIRCLES);
  for (let k = 0; k < rows.length; k += stride) {
    const [x, y] = toScreen(camera, points[2 * rows[k]], points[2 * rows[k] + 1]);
    if (mark === "cross") {
      context.moveTo(x - 3.5, y - 3.5);
      context.lineTo(x + 3.5, y + 3.5);
      context.moveTo(x - 3.5, y + 3.5);
      context.lineTo(x + 3.5, y - 3.5);
    } else {
      context.moveTo(x + 6.5, y);
      context.arc(x, y, 6.5, 0, 2 * Math.PI);
    }
  }
  context.stroke();
  context.globalAlpha = 1;
}
