// The map: layers of pictures, points and marks over each other, and what a hand or the keys do on it.

import { byId, framed, h } from "../dom.js";
import { ellipse, lift, offPlane, project } from "../math/plane.js";
import { codeOf } from "../scene.js";
import { fitted, toPlane, toScreen, zoomed } from "./camera.js";
import { rowColours } from "./colours.js";
import { flatPainter } from "./flat.js";
import { makeGrid } from "./grid.js";
import { listen } from "./hand.js";
import { makeHere } from "./here.js";
import { makeLens } from "./lens.js";
import { drawMarks } from "./marks.js";
import { medians } from "./medians.js";
import { paintBehind } from "./behind.js";
import { webglPainter } from "./webgl.js";

const REACH = 9;
const STEP = 14;
const KEYS = /** @type {Record<string, [number, number]>} */ ({
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
});

/**
 * @param {import("../types.js").Scene} scene
 * @param {import("../store.js").Store} store
 * @param {import("../types.js").Renderer} renderer
 * @param {(words: string) => void} say
 */
export function makeMap(scene, store, renderer, say) {
  const ground = byId("map");
  const [under, points, over] = ["behind", "points", "marks"].map(
    (name) => /** @type {HTMLCanvasElement} */ (ground.appendChild(h("canvas", { class: `layer ${name}`, "aria-hidden": "true" }))),
  );
  const painter = webglPainter(points, scene.points) ?? flatPainter(anew(points), scene.points);
  const layers = /** @type {HTMLCanvasElement[]} */ ([...ground.querySelectorAll("canvas.layer")]);
  if (painter.how !== "WebGL") byId("map-note").textContent = "This browser offers no WebGL, so the map is drawn a little more slowly; all else is the same.";
  const nearestTo = makeGrid(scene.points);
  const here = makeHere(ground);
  const lens = makeLens(ground, scene, renderer);
  const behind = paintBehind(under, scene);
  const names = medians(scene);
  const context = /** @type {CanvasRenderingContext2D} */ (over.getContext("2d"));
  let camera = { x: 0, y: 0, scale: 1, width: 1, height: 1 };
  let home = camera;
  let hovered = -1;
  /** @type {[number, number][]} */
  let line = [];
  /** @type {[number, number][]} */
  let path = [];
  /** @type {import("./hand.js").Tool} */
  let tool = "move";
  /** @type {((rows: [number, number][]) => void) | null} */
  let drawn = null;
  /** @type {Set<() => void>} */
  const watching = new Set();
  const at = (/** @type {ArrayLike<number>} */ z) => project(scene.about.plane, z);
  const plane = scene.about.plane;
  const limits = () => /** @type {[number, number]} */ ([home.scale / 4, home.scale * 400]);
  const withPictures = () => Boolean(scene.about.manifold) && store.behind;

  const paint = framed(() => {
    const ratio = window.devicePixelRatio || 1;
    const closer = Math.min(Math.max(camera.scale / home.scale, 1) ** 0.35, 3);
    const size = Math.max(2.4, Math.min(9, 30 / Math.max(scene.n, 1) ** 0.22)) * closer;
    painter.paint(camera, { size, strength: withPictures() ? 0.5 : 0.82, ratio });
    behind.paint(camera, withPictures(), ratio);
    stand();
    mark();
  });

  const stand = framed(() => here.put(camera, at(store.z)));

  const mark = framed(() => {
    const ratio = window.devicePixelRatio || 1;
    const style = getComputedStyle(document.documentElement);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const { given } = store;
    drawMarks(
      context,
      camera,
      {
        a: store.a && at(store.a),
        b: store.b && at(store.b),
        path,
        spread: given && { at: at(given.mean), ...ellipse(plane, given.sd) },
        neighbours: given ? given.neighbours.map(pointOf) : [],
        line,
        groups: [
          { rows: store.groups.a, name: "A" },
          { rows: store.groups.b, name: "B" },
        ],
        hover: hovered < 0 ? null : pointOf(hovered),
        names: store.colour === "label" ? names : [],
        rings: plane.share === null && scene.d === 2 && scene.prior.kind === "normal",
        quiet: withPictures(),
      },
      scene.points,
      (name) => style.getPropertyValue(name).trim(),
    );
  });

  /** @param {number} row @returns {[number, number]} */
  function pointOf(row) {
    return [scene.points[2 * row], scene.points[2 * row + 1]];
  }

  const recolour = () => {
    painter.colour(rowColours(scene, store.colour, store.theme, store.lit));
    paint();
  };

  /** @param {Partial<typeof camera>} change */
  function look(change) {
    camera = { ...camera, ...change };
    hover(-1);
    paint();
    for (const call of watching) call();
  }

  /**
   * @param {number} u
   * @param {number} v
   * @param {number} when
   */
  function moveTo(u, v, when) {
    // What the map does not show stays as it was.
    store.go(lift(plane, u, v, scene.d > 2 ? offPlane(plane, store.z) : null), "map", when);
  }

  /** @param {number} row */
  function goTo(row) {
    store.go(codeOf(scene, row), "row");
    say(`At ${scene.placeOf(row)}${scene.labelOf(row) ? `, ${scene.labelOf(row)}` : ""}.`);
  }

  /** @param {number} row */
  function hover(row) {
    if (row === hovered) return;
    hovered = row;
    lens.show(row, row < 0 ? [0, 0] : toScreen(camera, ...pointOf(row)), camera);
    mark();
  }

  /** @param {number} x @param {number} y */
  const under_ = (x, y) => nearestTo(...toPlane(camera, x, y), REACH / camera.scale);

  listen(ground, {
    tool: () => tool,
    move: (x, y, when) => moveTo(...toPlane(camera, x, y), when),
    slide: (dx, dy) => look({ x: camera.x - dx / camera.scale, y: camera.y + dy / camera.scale }),
    zoom: (factor, x, y) => look(zoomed(camera, factor, x, y, limits())),
    click: (x, y) => {
      const row = under_(x, y);
      if (row >= 0) goTo(row);
    },
    hover: (x, y) => hover(under_(x, y)),
    leave: () => hover(-1),
    draw: (pixels, done) => {
      line = done ? [] : pixels.map(([x, y]) => toPlane(camera, x, y));
      mark();
      if (done && pixels.length > 3) drawn?.(pixels.map(([x, y]) => toPlane(camera, x, y)));
    },
  });

  ground.addEventListener("keydown", (event) => {
    if (event.target !== ground || event.ctrlKey || event.metaKey) return;
    const arrow = KEYS[event.key];
    const step = (event.shiftKey ? 4 : 1) * (STEP / camera.scale);
    if (arrow && event.altKey) look({ x: camera.x + 4 * step * arrow[0], y: camera.y + 4 * step * arrow[1] });
    else if (arrow) {
      const [u, v] = at(store.z);
      moveTo(u + step * arrow[0], v + step * arrow[1], event.timeStamp);
      follow();
    } else if (event.key === "+" || event.key === "=") zoomBy(1.4);
    else if (event.key === "-") zoomBy(1 / 1.4);
    else if (event.key === "0") fit();
    else if (event.key === "Enter") {
      const row = nearestTo(...at(store.z), Infinity);
      if (row >= 0) goTo(row);
    } else return;
    event.preventDefault();
  });

  function follow() {
    const [x, y] = toScreen(camera, ...at(store.z));
    const edge = 24;
    const dx = x < edge ? x - edge : Math.max(0, x - camera.width + edge);
    const dy = y < edge ? y - edge : Math.max(0, y - camera.height + edge);
    if (dx || dy) look({ x: camera.x + dx / camera.scale, y: camera.y - dy / camera.scale });
  }

  /** @param {number} factor */
  function zoomBy(factor) {
    look(zoomed(camera, factor, camera.width / 2, camera.height / 2, limits()));
  }

  function fit() {
    look({ x: home.x, y: home.y, scale: home.scale });
  }

  const resize = () => {
    const { clientWidth: width, clientHeight: height } = ground;
    if (!width || !height) return;
    const ratio = window.devicePixelRatio || 1;
    for (const canvas of layers) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const first = camera.width === 1;
    const wider = Math.min(width / camera.width, height / camera.height);
    home = fitted(scene.points, width, height);
    camera = first ? home : { ...camera, width, height, scale: camera.scale * wider };
    paint();
  };
  new ResizeObserver(resize).observe(ground);
  resize();
  recolour();

  store.on("look", recolour);
  store.on("theme", recolour);
  store.on("z", stand);
  store.on("pins", mark);
  store.on("given", mark);
  store.on("groups", mark);
  behind.ready.then(paint);

  return {
    how: painter.how,
    fit,
    zoomBy,
    goTo,
    /** @param {import("./hand.js").Tool} next */
    use(next) {
      tool = next;
      ground.dataset.tool = next;
    },
    /** @param {(line: [number, number][]) => void} call with the next line that is drawn around points */
    onDrawn(call) {
      drawn = call;
    },
    /** @param {[number, number][]} places the way between the pins */
    showPath(places) {
      path = places;
      mark();
    },
    /** @returns {[number, number, number]} centre, units across */
    view: () => [camera.x, camera.y, camera.width / camera.scale],
    /** @param {[number, number, number]} view */
    setView([x, y, across]) {
      look({ x, y, scale: Math.min(Math.max(camera.width / across, limits()[0]), limits()[1]) });
    },
    moved: () => camera.x !== home.x || camera.y !== home.y || camera.scale !== home.scale,
    /** @param {() => void} call */
    onView: (call) => watching.add(call),
  };
}

/**
 * A canvas in the place of one that WebGL has had in its hands, which draws nothing else any more.
 * @param {HTMLCanvasElement} canvas
 */
function anew(canvas) {
  const fresh = /** @type {HTMLCanvasElement} */ (canvas.cloneNode());
  canvas.replaceWith(fresh);
  return fresh;
}
