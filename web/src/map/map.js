// The map: layers of pictures, points and marks over each other, and what a hand or the keys do on it.

import { byId, framed, h } from "../dom.js";
import { nearest } from "../math/nearest.js";
import { ellipse, lift, offPlane, project } from "../math/plane.js";
import { codeOf } from "../scene.js";
import { fitted, reframed, toPlane, toScreen, zoomed } from "./camera.js";
import { rowColours, rowMarks } from "./colours.js";
import { flatPainter } from "./flat.js";
import { makeGrid } from "./grid.js";
import { listen } from "./hand.js";
import { makeHere } from "./here.js";
import { listenToKeys } from "./keys.js";
import { makeLens } from "./lens.js";
import { drawMarks } from "./marks.js";
import { medians } from "./medians.js";
import { paintBehind } from "./behind.js";
import { priorRings, priorSpan } from "./span.js";
import { webglPainter } from "./webgl.js";

const REACH = 9;
const EDGE = 24;
// Where marks tell labels apart, they have to be seen.
const MARKED = 1.4;
// A line of fewer places encloses nothing.
const FEWEST = 4;

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
  let larger = 1;
  /** @type {[number, number][]} */
  let line = [];
  /** @type {[number, number][]} */
  let path = [];
  /** @type {import("./hand.js").Tool} */
  let tool = "move";
  /** @type {((line: [number, number][] | null) => void) | null} who waits for a line around points */
  let lasso = null;
  /** @type {Set<() => void>} */
  const watching = new Set();
  const at = (/** @type {ArrayLike<number>} */ z) => project(scene.about.plane, z);
  const plane = scene.about.plane;
  const least = priorSpan(scene.prior, plane);
  const rings = priorRings(scene.prior, plane);
  const limits = () => /** @type {[number, number]} */ ([home.scale / 4, home.scale * 400]);
  const withPictures = () => Boolean(scene.about.manifold) && store.behind;

  const paint = framed(() => {
    const ratio = window.devicePixelRatio || 1;
    const closer = Math.min(Math.max(camera.scale / home.scale, 1) ** 0.35, 3);
    const size = Math.max(2.4, Math.min(9, 30 / Math.max(scene.n, 1) ** 0.22)) * closer * larger;
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
          { rows: store.groups.a.rows, mark: "cross" },
          { rows: store.groups.b.rows, mark: "ring" },
        ],
        hover: hovered < 0 ? null : pointOf(hovered),
        names: store.colour === "label" ? names : [],
        rings,
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
    const marks = rowMarks(scene, store.colour);
    larger = marks ? MARKED : 1;
    painter.colour(rowColours(scene, store.colour, store.theme, store.lit), marks);
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
    tool: () => (lasso ? "lasso" : tool),
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
      const places = pixels.map(([x, y]) => toPlane(camera, x, y));
      line = done || !lasso ? [] : places;
      mark();
      if (done) ended(places.length < FEWEST ? null : places);
    },
  });

  listenToKeys(ground, {
    step(dx, dy, when) {
      const [u, v] = at(store.z);
      moveTo(u + dx / camera.scale, v + dy / camera.scale, when);
      follow();
    },
    slide: (dx, dy) => look({ x: camera.x + dx / camera.scale, y: camera.y + dy / camera.scale }),
    zoom: zoomBy,
    fit,
    nearest() {
      // In all of z, as the page names it beside the picture: on the plane another row may lie nearer.
      const [found] = nearest(scene.codes, scene.d, store.z, 1);
      if (found) goTo(found.row);
    },
  });

  function follow() {
    const [x, y] = toScreen(camera, ...at(store.z));
    const dx = x < EDGE ? x - EDGE : Math.max(0, x - camera.width + EDGE);
    const dy = y < EDGE ? y - EDGE : Math.max(0, y - camera.height + EDGE);
    if (dx || dy) look({ x: camera.x + dx / camera.scale, y: camera.y - dy / camera.scale });
  }

  /** @param {number} factor */
  function zoomBy(factor) {
    look(zoomed(camera, factor, camera.width / 2, camera.height / 2, limits()));
  }

  /**
   * Wait for a line around points instead of what a drag does otherwise. Whoever waited before is told that none comes.
   * @param {((line: [number, number][] | null) => void) | null} call with the line, or null where none was drawn
   */
  function encircle(call) {
    ended(null);
    lasso = call;
    ground.dataset.tool = call ? "lasso" : tool;
  }

  /** @param {[number, number][] | null} places */
  function ended(places) {
    const call = lasso;
    lasso = null;
    ground.dataset.tool = tool;
    call?.(places);
  }

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !lasso) return;
    line = [];
    mark();
    ended(null);
  });

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
    const before = home;
    home = fitted(scene.points, width, height, least);
    camera = first ? home : reframed(camera, before, home);
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
      encircle(null);
    },
    encircle,
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
