import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { nest } from "../src/backends/nest.js";
import { inPieces } from "../src/backends/pieces.js";
import { few } from "../src/dom.js";
import { unpacked } from "../src/backends/unpacked.js";
import { normal, uniform } from "../src/math/random.js";
import { newestWins } from "../src/newest.js";
import { once } from "../src/once.js";
import { asPython } from "../src/panels/share.js";
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

test("numbers for people have a minus sign only where there is something below nothing", () => {
  assert.deepEqual([-0.001, 0, -1.5, 2.345].map((v) => few(v)), ["0.00", "0.00", "−1.50", "2.35"]);
  assert.equal(few(-0.4, 0), "0");
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

test("lines of Python hold the z that the model is asked about", () => {
  const about = { python: "import latentia", z_shape: [2, 2], support: "codes", latents: [{ index: 0, start: 0, size: 2 }, { index: 1, start: 2, size: 2 }] };
  const lines = asPython({ about }, { z: Float32Array.of(0.2, 0.8, 0.7, 0.3), a: Float32Array.of(0.9, 0.1, 0.4, 0.6), b: Float32Array.of(0, 1, 1, 0) });
  assert.match(lines, /^import torch\nimport latentia\n/);
  assert.match(lines, /z = torch.tensor\(\[0, 1, 1, 0\], dtype=torch.float32\).reshape\(1, 2, 2\)/);
  assert.match(lines, /a = torch.tensor\(\[1, 0, 0, 1\], /);
});
