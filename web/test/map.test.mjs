import assert from "node:assert/strict";
import { test } from "node:test";

import { strideOf } from "../src/map/behind.js";
import { fitted, reframed, toPlane, toScreen, zoomed } from "../src/map/camera.js";
import { LOOKS, labelColour, labelMark, rowColours, rowMarks, scoreRange } from "../src/map/colours.js";
import { makeGrid } from "../src/map/grid.js";
import { priorRings, priorSpan } from "../src/map/span.js";
import { normal, uniform } from "../src/math/random.js";

const draws = (n, seed) => Float32Array.from({ length: n }, normal(uniform(seed)));

test("a place on the map is found again on the screen", () => {
  const camera = { x: 1, y: -2, scale: 37, width: 800, height: 600 };
  const [u, v] = toPlane(camera, 123, 456);
  const [x, y] = toScreen(camera, u, v);
  assert.ok(Math.abs(x - 123) < 1e-9 && Math.abs(y - 456) < 1e-9);
  assert.ok(toScreen(camera, 1, 0)[1] < toScreen(camera, 1, -1)[1], "up is up");
});

test("what lies under the pointer stays there through a zoom, within limits", () => {
  const camera = { x: 1, y: -2, scale: 37, width: 800, height: 600 };
  const closer = zoomed(camera, 3, 100, 50, [1, 1000]);
  assert.equal(closer.scale, 111);
  toPlane(closer, 100, 50).forEach((v, i) => assert.ok(Math.abs(v - toPlane(camera, 100, 50)[i]) < 1e-9));
  assert.equal(zoomed(camera, 1e9, 0, 0, [1, 1000]).scale, 1000);
});

test("a frame that grows again shows what it showed, wherever one had gone", () => {
  const points = draws(4000, 6);
  const home = (w, h) => fitted(points, w, h);
  const [wide, narrow] = [home(1400, 600), home(700, 420)];
  for (const start of [wide, zoomed(wide, 2.7, 300, 200, [0, 1e9])]) {
    const there = reframed(start, wide, narrow);
    const back = reframed(there, narrow, wide);
    for (const key of ["x", "y", "scale", "width", "height"]) assert.ok(Math.abs(back[key] - start[key]) < 1e-9 * Math.abs(start[key]) + 1e-12, key);
  }
  assert.deepEqual(reframed(wide, wide, narrow), narrow, "who has gone nowhere is at home in each frame");
});

test("rows that lie in one place, or none, leave the map as wide as the prior", () => {
  const plane = { center: [0, 0], axes: [[1, 0], [0, 1]], names: [], share: null };
  const prior = { kind: "normal", mean: [5, -1], sd: [1, 3] };
  const least = priorSpan(prior, plane);
  least.flat().forEach((v, i) => assert.ok(Math.abs(v - [5 - 2.448, 5 + 2.448, -1 - 7.344, -1 + 7.344][i]) < 1e-9));
  for (const points of [new Float32Array(0), Float32Array.from({ length: 200 }, (_, i) => (i % 2 ? -1 : 5))]) {
    const { x, y, scale } = fitted(points, 900, 600, least);
    assert.ok(Math.abs(x - 5) < 1e-6 && Math.abs(y + 1) < 1e-6);
    assert.ok(Math.abs(scale - 600 / (2 * 7.344) / 1.12) < 1e-6);
  }
  const wide = draws(4000, 6).map((v) => 9 * v);
  assert.deepEqual(fitted(wide, 500, 500, least), fitted(wide, 500, 500), "rows that reach farther decide");
  const bank = { kind: "bank", draws: Float32Array.from({ length: 2000 }, (_, i) => (i % 2 ? 7 : Math.floor(i / 2) / 1000)), temperature: true };
  const [across, up] = priorSpan(bank, plane);
  assert.ok(Math.abs(across[0] - 0.025) < 2e-3 && Math.abs(across[1] - 0.975) < 2e-3);
  assert.deepEqual(up, [7, 7]);
  assert.deepEqual(priorRings(prior, plane), { at: [5, -1], long: 3, short: 1, angle: Math.PI / 2 });
  assert.equal(priorRings(bank, plane), null);
});

test("pictures behind the map are as many as can be seen", () => {
  assert.equal(strideOf(40, 12), 4);
  assert.equal(strideOf(40, 10), 5);
  assert.equal(strideOf(40, 50), 1);
  assert.equal(strideOf(40, 0.1), 40);
});

test("one stray row does not shrink the map", () => {
  const points = draws(4000, 6);
  const before = fitted(points, 500, 500).scale;
  points[0] = 1e6;
  assert.ok(fitted(points, 500, 500).scale > 0.9 * before);
  assert.ok(Number.isFinite(fitted(new Float32Array(0), 500, 500).scale));
});

test("the point under the pointer is the one that looking at all finds", () => {
  const points = draws(2000, 7);
  const find = makeGrid(points);
  for (let k = 0; k < 50; k += 1) {
    const [u, v] = draws(2, 100 + k);
    let best = -1;
    let least = 0.2 ** 2;
    for (let i = 0; i < 1000; i += 1) {
      const away = (points[2 * i] - u) ** 2 + (points[2 * i + 1] - v) ** 2;
      if (away < least) [best, least] = [i, away];
    }
    assert.equal(find(u, v, 0.2), best);
  }
  assert.ok(find(0, 0, Infinity) >= 0);
  assert.equal(makeGrid(new Float32Array(0))(0, 0, 1), -1);
});

test("colours tell labels and scores apart, and dim what does not stand out", () => {
  const labels = Int16Array.of(0, 1, 1, -1);
  const scene = { n: 4, labels, kinds: [0, 1], rankOf: (l) => l, scores: Float32Array.of(-10, -5, NaN, 0), nameOf: String };
  const by = rowColours(scene, "label", "light", null);
  assert.notDeepEqual(by.slice(0, 3), by.slice(4, 7));
  assert.deepEqual(by.slice(4, 7), by.slice(8, 11));
  const lit = rowColours(scene, "label", "light", new Set([1]));
  assert.ok(lit[3] < 60 && lit[7] === 255);
  const score = rowColours(scene, "score", "dark", null);
  assert.notDeepEqual(score.slice(0, 3), score.slice(12, 15));
  assert.ok(score[11] < 100, "no score, no colour");
  assert.deepEqual(scoreRange(Float32Array.of(NaN)), [0, 1]);
});

test("forty labels look different from each other, by colour or by mark", () => {
  const looks = Array.from({ length: LOOKS }, (_, rank) => `${labelColour(rank, "light")} ${labelMark(rank)}`);
  assert.equal(new Set(looks).size, 40);
  const labels = Int16Array.from({ length: 24 }, (_, i) => 100 * (i % 12));
  const kinds = [...new Set(labels)];
  const scene = { n: 24, labels, kinds, rankOf: (l) => kinds.indexOf(l), scores: null };
  const [colours, marks] = [rowColours(scene, "label", "light", null), rowMarks(scene, "label")];
  const look = (i) => [...colours.slice(4 * i, 4 * i + 3), marks[i]].join();
  assert.equal(new Set(Array.from({ length: 12 }, (_, i) => look(i))).size, 12);
  assert.equal(look(3), look(15));
  assert.equal(rowMarks(scene, "score"), null);
  assert.equal(rowMarks({ ...scene, kinds: kinds.slice(0, 10) }, "label"), null);
});
