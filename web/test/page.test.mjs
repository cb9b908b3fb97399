import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { nest } from "../src/backends/nest.js";
import { few } from "../src/dom.js";
import { unpacked } from "../src/backends/unpacked.js";
import { strideOf } from "../src/map/behind.js";
import { fitted, toPlane, toScreen, zoomed } from "../src/map/camera.js";
import { rowColours, scoreRange } from "../src/map/colours.js";
import { makeGrid } from "../src/map/grid.js";
import { normal, uniform } from "../src/math/random.js";
import { newestWins } from "../src/newest.js";
import { slid, settled, valueOf } from "../src/support.js";
import { fromHash, shortest, toHash } from "../src/url.js";

const draws = (n, seed) => Float32Array.from({ length: n }, normal(uniform(seed)));

test("an address brings back what was looked at, to the last bit", () => {
  for (const d of [1, 2, 8, 9, 64]) {
    const place = {
      z: draws(d, 1),
      a: draws(d, 2),
      b: draws(d, 3),
      colour: "score",
      path: "linear",
      view: [0.5, -1.25, 6],
      behind: false,
    };
    assert.deepEqual(fromHash(`#${toHash(place)}`, d), place);
  }
});

test("an address of another run, or a broken one, is not taken", () => {
  const three = toHash({ z: draws(3, 1) });
  assert.equal(fromHash(three, 4).z, null);
  assert.equal(fromHash("z=1,2,x", 3).z, null);
  assert.equal(fromHash("z=~%%%", 3).z, null);
  assert.equal(fromHash("z=~AAAA", 3).z, null);
  assert.equal(fromHash("view=1,2,0&z=", 3).view, null);
  assert.deepEqual(fromHash("", 3), { z: null, a: null, b: null, colour: null, path: null, view: null, behind: null });
});

test("the shortest decimal of a float32 is that float32", () => {
  for (const v of [...draws(200, 4), 0, 1e-30, 1e30, -0.1]) assert.equal(Math.fround(Number(shortest(Math.fround(v)))), Math.fround(v));
  assert.equal(shortest(Math.fround(0.1)), "0.1");
});

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

test("one request at a time, and the newest wins", async () => {
  const [asked, shown, failed] = [[], [], []];
  const gates = [];
  const ask = newestWins(
    (task) => {
      asked.push(task);
      return new Promise((done, fail) => gates.push({ done: () => done(task), fail }));
    },
    (result) => shown.push(result),
    (error) => failed.push(error),
  );
  const rest = () => new Promise((done) => setTimeout(done, 0));
  for (let k = 0; k < 6; k += 1) ask(k);
  gates[0].done();
  await rest();
  assert.deepEqual([asked, shown], [[0, 5], [0]]);
  gates[1].fail("no");
  await rest();
  ask(6);
  gates[2].done();
  await rest();
  assert.deepEqual([asked, shown, failed], [[0, 5, 6], [0, 6], ["no"]]);
});

const latents = [
  { index: 0, start: 0, size: 3 },
  { index: 1, start: 3, size: 2 },
];

test("only possible z are asked about", () => {
  assert.deepEqual([...settled({ support: "bits" }, Float32Array.of(0.2, 0.5, 2))], [0, 1, 1]);
  assert.deepEqual([...settled({ support: "codes", latents }, Float32Array.of(0.1, 0.7, 0.2, 0.5, 0.4))], [0, 1, 0, 1, 0]);
  const shares = settled({ support: "shares" }, Float32Array.of(1, -2, 3));
  assert.deepEqual([...shares], [0.25, 0, 0.75]);
  const z = draws(3, 8);
  assert.equal(settled({ support: "real" }, z), z);
});

test("a slider moves what it names", () => {
  assert.deepEqual([...slid({ support: "real" }, Float32Array.of(1, 2), { index: 1 }, 5)], [1, 5]);
  const z = slid({ support: "codes", latents }, Float32Array.of(1, 0, 0, 0, 1), latents[0], 2);
  assert.deepEqual([...z], [0, 0, 1, 0, 1]);
  assert.equal(valueOf(latents[0], z), 2);
  assert.equal(valueOf(latents[1], z), 1);
  const shares = slid({ support: "shares" }, Float32Array.of(0.5, 0.25, 0.25), { index: 0 }, 0.8);
  assert.ok(Math.abs(shares[1] - 0.1) < 1e-6 && Math.abs(shares[0] - 0.8) < 1e-6);
});

test("flat numbers become nested lists", () => {
  assert.deepEqual(nest([1, 2, 3, 4, 5, 6], [2, 3]), [[1, 2, 3], [4, 5, 6]]);
  assert.deepEqual(nest([1, 2], [1, 2, 1]), [[[1], [2]]]);
});

test("a file is unpacked unless somebody did so on the way", async () => {
  const bytes = Uint8Array.of(0, 97, 115, 109, 5, 6, 7);
  const own = (b) => b.buffer.slice(b.byteOffset, b.byteOffset + b.byteLength);
  for (const given of [own(bytes), own(new Uint8Array(gzipSync(bytes)))]) {
    assert.deepEqual(new Uint8Array(await unpacked(given)), bytes);
  }
});

test("colours tell labels and scores apart, and dim what does not stand out", () => {
  const scene = { n: 4, labels: Int16Array.of(0, 1, 1, -1), scores: Float32Array.of(-10, -5, NaN, 0), nameOf: String };
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

test("numbers for people have a minus sign only where there is something below nothing", () => {
  assert.deepEqual([-0.001, 0, -1.5, 2.345].map((v) => few(v)), ["0.00", "0.00", "−1.50", "2.35"]);
  assert.equal(few(-0.4, 0), "0");
});
