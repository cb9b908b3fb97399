// The points by WebGL: positions are sent once, colours when they change; to pan is to change three numbers.

import * as twgl from "twgl.js";

const VERTEX = `
attribute vec2 place;
attribute vec4 colour;
uniform vec2 middle;
uniform vec2 stretch;
uniform mediump float size;
varying vec4 shade;
void main() {
  gl_Position = vec4((place - middle) * stretch, 0.0, 1.0);
  gl_PointSize = size;
  shade = colour;
}`;

const FRAGMENT = `
precision mediump float;
uniform mediump float size;
uniform float strength;
varying vec4 shade;
void main() {
  float away = length(gl_PointCoord - 0.5) * size;
  float cover = clamp(size * 0.5 - away, 0.0, 1.0);
  float alpha = cover * shade.a * strength;
  if (alpha <= 0.0) discard;
  gl_FragColor = vec4(shade.rgb * alpha, alpha);
}`;

/**
 * @typedef {object} Painter
 * @property {string} how
 * @property {(colours: Uint8Array) => void} colour n × 4
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
    const program = twgl.createProgramInfo(gl, [VERTEX, FRAGMENT]);
    const buffers = twgl.createBufferInfoFromArrays(gl, {
      place: { numComponents: 2, data: points },
      colour: { numComponents: 4, data: new Uint8Array(4 * n), normalize: true, drawType: gl.DYNAMIC_DRAW },
    });
    return { program, buffers };
  };
  let made = prepare();
  if (!made.program) return null;
  /** @type {Uint8Array | null} */
  let colours = null;
  /** @type {(() => void) | null} */
  let again = null;
  const send = () => {
    const attribute = made.buffers.attribs?.colour;
    if (colours && attribute) twgl.setAttribInfoBufferFromArray(gl, attribute, colours);
  };
  canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
  canvas.addEventListener("webglcontextrestored", () => {
    made = prepare();
    send();
    again?.();
  });
  return {
    how: "WebGL",
    colour(values) {
      colours = values;
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
      gl.useProgram(made.program.program);
      twgl.setBuffersAndAttributes(gl, made.program, made.buffers);
      twgl.setUniforms(made.program, {
        middle: [camera.x, camera.y],
        stretch: [(2 * camera.scale) / camera.width, (2 * camera.scale) / camera.height],
        size: size * ratio,
        strength,
      });
      twgl.drawBufferInfo(gl, made.buffers, gl.POINTS);
    },
  };
}
