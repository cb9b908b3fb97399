import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { nest } from "../src/backends/nest.js";
import { inPieces } from "../src/backends/pieces.js";
import { byLine, chosen } from "../src/choosing.js";
import { few } from "../src/dom.js";
import { unpacked } from "../src/backends/unpacked.js";
import { strideOf } from "../src/map/behind.js";
import { fitted, reframed, toPlane, toScreen, zoomed } from "../src/map/camera.js";
import { LOOKS, labelColour, labelMark, rowColours, rowMarks, scoreRange } from "../src/map/colours.js";
import { makeGrid } from "../src/map/grid.js";
import { priorRings, priorSpan } from "../src/map/span.js";
import { normal, uniform } from "../src/math/random.js";
import { newestWins } from "../src/newest.js";
import { once } from "../src/once.js";
import { asPython } from "../src/panels/share.js";
import { isRow, readRow } from "../src/rowtext.js";
import { assemble } from "../src/scene.js";
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
      lit: [1, 12],
      away: "rows:train 1-20, 25; test 3",
      like: "line:0.5,-1,2.25,3,0,1",
      seed: 7,
      temperature: 0.35,
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
  const nothing = { lit: null, away: "", like: "", seed: null, temperature: null };
  assert.deepEqual(fromHash("", 3), { z: null, a: null, b: null, colour: null, path: null, view: null, behind: null, ...nothing });
  const { lit, away, seed, temperature } = fromHash(`lit=1,x&away=${"a".repeat(5000)}&seed=-1&heat=1e9`, 3);
  assert.deepEqual([lit, away, seed, temperature], [null, "", null, null]);
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

test("numbers for people have a minus sign only where there is something below nothing", () => {
  assert.deepEqual([-0.001, 0, -1.5, 2.345].map((v) => few(v)), ["0.00", "0.00", "−1.50", "2.35"]);
  assert.equal(few(-0.4, 0), "0");
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

test("what failed is tried again, what was made is kept", async () => {
  let calls = 0;
  const make = once(async () => {
    calls += 1;
    if (calls === 1) throw new Error("not yet");
    return calls;
  });
  const both = await Promise.allSettled([make(), make()]);
  assert.deepEqual(both.map((b) => b.status), ["rejected", "rejected"]);
  assert.equal(calls, 1, "who asks while it is made waits for the same");
  assert.deepEqual([await make(), await make(), calls], [2, 2, 2]);
});

test("a question about many is asked in pieces, and answered as one", async () => {
  const asked = [];
  const decode = async (z, n) => {
    asked.push(n);
    return Float32Array.from({ length: 3 * n }, (_, i) => z[2 * Math.floor(i / 3)] + (i % 3));
  };
  const z = draws(14, 3);
  const whole = await inPieces(z, 7, 100, decode);
  assert.deepEqual(await inPieces(z, 7, 3, decode), whole);
  assert.deepEqual(asked, [7, 3, 3, 1]);
  await assert.rejects(inPieces(z, 7, 3, () => Promise.reject(new Error("no"))), /no/);
});

const small = (more) =>
  assemble(
    { n_latents: 2, rows: 6, splits: { train: [0, 4], test: [4, 6] }, latents: [], prior: {}, label_names: ["a", "b"], x_shape: [1], ...more },
    { points: Float32Array.of(0, 0, 1, 0, 2, 0, 0, 5, 1, 5, 2, 5), codes: new Float32Array(12), labels: Int16Array.of(0, 1, 0, 1, 1, -1).buffer },
  );

test("a group is what its address says, and nothing where that makes no sense", () => {
  const scene = small({});
  assert.deepEqual(chosen(scene, "rows:train 1-2; test 1").group.rows, [1, 2, 5]);
  assert.deepEqual(chosen(scene, "label:1").group, { how: "label:1", rows: [1, 3, 4], words: "3 rows, all of b" });
  const line = [[-1, 4], [1.5, 4], [1.5, 6], [-1, 6]];
  assert.deepEqual(chosen(scene, byLine(line)).group.rows, [3, 4]);
  assert.match(chosen(scene, "rows:train 1-9").group.words, /3 rows, by number; 6 more are not on the map/);
  for (const how of ["label:7", "line:1,2", "line:1,2,3,4,x,6", "rows:nobody", "odd", `rows:${"1".repeat(400)}`]) {
    const { group, error } = chosen(scene, how);
    assert.deepEqual(group.rows, [], how);
    assert.ok(error.endsWith("."), how);
  }
});

test("lines of Python hold the z that the model is asked about", () => {
  const about = { python: "import latentia", z_shape: [2, 2], support: "codes", latents: [{ index: 0, start: 0, size: 2 }, { index: 1, start: 2, size: 2 }] };
  const lines = asPython({ about }, { z: Float32Array.of(0.2, 0.8, 0.7, 0.3), a: Float32Array.of(0.9, 0.1, 0.4, 0.6), b: Float32Array.of(0, 1, 1, 0) });
  assert.match(lines, /^import torch\nimport latentia\n/);
  assert.match(lines, /z = torch.tensor\(\[0, 1, 1, 0\], dtype=torch.float32\).reshape\(1, 2, 2\)/);
  assert.match(lines, /a = torch.tensor\(\[1, 0, 0, 1\], /);
});

const NAMES = ["age", "income", "town"];

test("a row is read out of CSV and JSON, with a header or without", () => {
  const wanted = { age: "44", income: "2,500.50", town: "Bonn" };
  for (const text of [
    'age,income,town\n44,"2,500.50",Bonn\n',
    '\uFEFFtown;age;income;odd\r\nBonn;44;2,500.50;1\r\n',
    "age\tincome\ttown\n44\t2,500.50\tBonn",
    '44,"2,500.50",Bonn',
    '["44", "2,500.50", "Bonn"]',
    '{"town": "Bonn", "age": "44", "income": "2,500.50"}',
    '[{"town": "Bonn", "age": "44", "income": "2,500.50"}]',
    '{"rows": [{"town": "Bonn", "age": "44", "income": "2,500.50"}]}',
  ]) {
    assert.deepEqual(readRow(text, NAMES), { row: wanted, words: "The row is filled in." }, text);
  }
  assert.deepEqual(readRow('{"age": 44, "town": null}', NAMES), {
    row: { age: 44, income: null, town: null },
    words: "The row is filled in, with 2 of 3 columns.",
  });
  assert.match(readRow("age,income,town\n1,2,a\n3,4,b", NAMES).words, /^The first row of several/);
  assert.equal(readRow('age,town\n1,"say ""hi"",\nyou"', NAMES).row.town, 'say "hi",\nyou');
});

test("what is no row is said", () => {
  const words = (text) => {
    const { row, words: said } = readRow(text, NAMES);
    assert.equal(row, null, text);
    assert.ok(said.endsWith("."));
    return said;
  };
  assert.match(words("  "), /nothing in it/);
  assert.match(words("{not json"), /begins like JSON and is none/);
  assert.match(words("[1, 2]"), /has 2 values, and a row has 3; name them, as in age, income, town/);
  assert.match(words('{"a": 1}'), /names none of this run's columns, which are age, income, town; it begins with a/);
  assert.match(words("a,b,c,d\n1,2,3,4"), /names none of this run's columns/);
  assert.match(words("age,town"), /no row below them/);
  assert.match(words("hello"), /no row of this table/);
  assert.match(words('"'), /no row of this table/);
  assert.deepEqual(["44", "2,500.50", " a b "].map(isRow), [false, false, false]);
  assert.deepEqual(["a\tb", "a\nb", " {"].map(isRow), [true, true, true]);
});
