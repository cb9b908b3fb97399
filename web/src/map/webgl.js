// The points by WebGL: positions are sent once, colours when they change; to pan is to change three numbers.

import * as twgl from "twgl.js";

const VERTEX = `
attribute vec2 place;
attribute vec4 colour;
#ifdef MARKED
attribute float mark;
varying float kind;
#endif
uniform vec2 middle;
uniform vec2 stretch;
uniform mediump float size;
varying vec4 shade;
void main() {
#ifdef MARKED
  kind = mark;
#endif
  gl_Position = vec4((place - middle) * stretch, 0.0, 1.0);
  gl_PointSize = size;
  shade = colour;
}`;

const FRAGMENT = `
precision mediump float;
uniform mediump float size;
uniform float strength;
varying vec4 shade;
#ifdef MARKED
varying float kind;
#endif
void main() {
#ifndef MARKED
  float away = length(gl_PointCoord - 0.5) * size;
  float cover = clamp(size * 0.5 - away, 0.0, 1.0);
#else
  vec2 off = abs(gl_PointCoord - 0.5) * size;
  // A ring is a disc with a hole; a diamond and a square have about a disc's area.
  float away = kind < 1.5 ? length(off) : kind < 2.5 ? 0.8 * (off.x + off.y) : 1.13 * max(off.x, off.y);
  float cover = clamp(size * 0.5 - away, 0.0, 1.0);
  if (kind > 0.5 && kind < 1.5) cover *= clamp(1.5 * away - size * 0.3, 0.0, 1.0);
#endif
  float alpha = cover * shade.a * strength;
  if (alpha <= 0.0) discard;
  gl_FragColor = vec4(shade.rgb * alpha, alpha);
}`;

/**
 * @typedef {object} Painter
 * @property {string} how
 * @property {(colours: Uint8Array, marks: Uint8Array | null) => void} colour n × 4, and n places among the marks, null for discs
 * @property {(camera: import("./camera.js").Camera, look: {size: number, strength: number, ratio: number}) => void} paint
 */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Float32Array} points n × 2
 * @returns {Painter | null} null where there is no WebGL
 */
export function webglPainter(canvas, points) {
  const wanted = { alpha: true, antialias: false, depth: false, premultipliedAlpha: true, powerPreference: "low-power" };
  const gl = /** @type {WebGLRenderingContext | null} */ (
    canvas.getContext("webgl2", wanted) ?? canvas.getContext("webgl", wanted)
  );
  if (!gl) return null;
  const n = points.length / 2;
  const prepare = () => {
    const programs = ["", "#define MARKED\n"].map((first) => twgl.createProgramInfo(gl, [first + VERTEX, first + FRAGMENT]));
    const buffers = twgl.createBufferInfoFromArrays(gl, {
      place: { numComponents: 2, data: points },
      colour: { numComponents: 4, data: new Uint8Array(4 * n), normalize: true, drawType: gl.DYNAMIC_DRAW },
      mark: { numComponents: 1, data: new Uint8Array(n), normalize: false, drawType: gl.DYNAMIC_DRAW },
    });
    return { programs, buffers };
  };
  let made = prepare();
  if (!made.programs.every(Boolean)) return null;
  /** @type {Uint8Array | null} */
  let colours = null;
  /** @type {Uint8Array | null} */
  let marks = null;
  /** @type {(() => void) | null} */
  let again = null;
  const send = () => {
    const { colour, mark } = made.buffers.attribs ?? {};
    if (colours && colour) twgl.setAttribInfoBufferFromArray(gl, colour, colours);
    if (marks && mark) twgl.setAttribInfoBufferFromArray(gl, mark, marks);
  };
  canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
  canvas.addEventListener("webglcontextrestored", () => {
    made = prepare();
    send();
    again?.();
  });
  return {
    how: "WebGL",
    colour(values, kinds) {
      colours = values;
      marks = kinds;
      send();
    },
    paint(camera, { size, strength, ratio }) {
      again = () => this.paint(camera, { size, strength, ratio });
      if (gl.isContextLost()) return;
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      if (strength <= 0) return;
      gl.enable(gl.BLEND);
      gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
      // Where all are discs, as where there are very many, no mark is asked about for each pixel.
      const program = made.programs[marks ? 1 : 0];
      gl.useProgram(program.program);
      twgl.setBuffersAndAttributes(gl, program, made.buffers);
      twgl.setUniforms(program, {
        middle: [camera.x, camera.y],
        stretch: [(2 * camera.scale) / camera.width, (2 * camera.scale) / camera.height],
        size: size * ratio,
        strength,
      });
      twgl.drawBufferInfo(gl, made.buffers, gl.POINTS);
    },
  };
}
