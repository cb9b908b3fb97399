// Where one is on the map: an element of its own, so that to move it nothing else is drawn anew.

import { toScreen } from "./camera.js";

const SVG = "http://www.w3.org/2000/svg";
const LINES = "M26 17h8M0 17h8M17 26v8M17 0v8";

/** @param {HTMLElement} ground */
export function makeHere(ground) {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("class", "here");
  picture.setAttribute("viewBox", "0 0 34 34");
  picture.setAttribute("aria-hidden", "true");
  for (const kind of ["under", "over"]) {
    const ring = document.createElementNS(SVG, "circle");
    const lines = document.createElementNS(SVG, "path");
    for (const [name, value] of Object.entries({ cx: 17, cy: 17, r: 8 })) ring.setAttribute(name, String(value));
    lines.setAttribute("d", LINES);
    for (const part of [ring, lines]) part.setAttribute("class", kind);
    picture.append(ring, lines);
  }
  const dot = document.createElementNS(SVG, "circle");
  for (const [name, value] of Object.entries({ cx: 17, cy: 17, r: 2.3, class: "dot" })) dot.setAttribute(name, String(value));
  picture.append(dot);
  ground.append(picture);
  return {
    /**
     * @param {import("./camera.js").Camera} camera
     * @param {[number, number]} place in the plane
     */
    put(camera, [u, v]) {
      const [x, y] = toScreen(camera, u, v);
      picture.style.transform = `translate(${x - 17}px, ${y - 17}px)`;
    },
  };
}
