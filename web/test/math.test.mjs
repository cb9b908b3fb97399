import assert from "node:assert/strict";
import { test } from "node:test";

import { direction, inside, meanOf } from "../src/math/groups.js";
import { simplified } from "../src/math/line.js";
import { nearest } from "../src/math/nearest.js";
import { along, between } from "../src/math/paths.js";
import { ellipse, lift, norm, offPlane, project } from "../src/math/plane.js";
import { normal, samples, uniform } from "../src/math/random.js";
import { rowBook } from "../src/math/rows.js";

const f32 = (...values) => Float32Array.from(values);
const draws = (n, seed) => Float32Array.from({ length: n }, normal(uniform(seed)));
const standard = (d) => ({ mean: new Float32Array(d), sd: new Float32Array(d).fill(1) });
const near = (a, b, off = 1e-5) => assert.ok(Math.abs(a - b) <= off, `${a} is not ${b}`);

test("a path begins and ends at its ends, to the last bit", () => {
  const [a, b] = [draws(7, 1), draws(7, 2)];
  for (const path of ["linear", "spherical"]) {
    const points = between(a, b, 5, path, standard(7));
    assert.equal(points.length, 5);
    assert.deepEqual(points[0], a);
    assert.deepEqual(points[4], b);
  }
});

test("a straight path is divided evenly", () => {
  const points = between(f32(0, 0), f32(4, -8), 5, "linear");
  assert.deepEqual(points.map((p) => [...p]), [[0, 0], [1, -2], [2, -4], [3, -6], [4, -8]]);
});

test("a spherical path keeps the length of equal ends and turns evenly", () => {
  const points = between(f32(2, 0, 0), f32(0, 2, 0), 4, "spherical", standard(3));
  points.forEach((p, k) => {
    near(norm(p), 2);
    near(Math.atan2(p[1], p[0]), (k * Math.PI) / 6);
  });
});

test("a spherical path is taken about the prior's mean and in its scales", () => {
  const prior = { mean: f32(1, -1), sd: f32(2, 0.5) };
  const middle = along(f32(1 + 2 * 3, -1), f32(1, -1 + 0.5 * 3), 0.5, "spherical", prior);
  near(middle[0], 1 + 2 * 3 * Math.SQRT1_2);
  near(middle[1], -1 + 0.5 * 3 * Math.SQRT1_2);
});

test("opposite ends, an end at the centre, and equal ends are joined straight", () => {
  near(along(f32(1, 0), f32(-3, 0), 0.5, "spherical", standard(2))[0], -1);
  near(along(f32(0, 0), f32(2, 2), 0.25, "spherical", standard(2))[1], 0.5);
  assert.deepEqual([...along(f32(1, 2), f32(1, 2), 0.3, "spherical", standard(2))].map((v) => Math.round(v * 1e5) / 1e5), [1, 2]);
});

// Two directions at right angles in five dimensions.
const plane = {
  center: [1, 2, 3, 4, 5],
  axes: [
    [0.6, 0.8, 0, 0, 0],
    [0, 0, 0, -0.6, 0.8],
  ],
  names: ["a", "b"],
  share: 0.5,
};

test("what is lifted is projected to where it was", () => {
  const [u, v] = project(plane, lift(plane, 1.5, -2.25));
  near(u, 1.5);
  near(v, -2.25);
});

test("the plane and what lies off it are all of z", () => {
  const z = draws(5, 3);
  const [u, v] = project(plane, z);
  const rest = offPlane(plane, z);
  lift(plane, u, v, rest).forEach((value, i) => near(value, z[i]));
  near(norm(offPlane(plane, lift(plane, 3, 4))), 0);
  for (const axis of plane.axes) near(axis.reduce((sum, x, i) => sum + x * rest[i], 0), 0);
});

test("an ellipse has the variances of the shadow along and across", () => {
  const tilted = { ...plane, center: [0, 0], axes: [[Math.SQRT1_2, Math.SQRT1_2], [-Math.SQRT1_2, Math.SQRT1_2]] };
  const { long, short, angle } = ellipse(tilted, [3, 1]);
  near(long, 3);
  near(short, 1);
  near(Math.abs(angle), Math.PI / 4);
  near(ellipse({ ...plane, center: [0, 0], axes: [[1, 0], [0, 1]] }, [2, 5]).angle, Math.PI / 2);
});

test("the nearest rows are those that looking at all finds", () => {
  const codes = draws(300 * 4, 4);
  const z = draws(4, 5);
  const all = Array.from({ length: 300 }, (_, row) => ({ row, distance: norm(z.map((v, i) => v - codes[4 * row + i])) }));
  all.sort((a, b) => a.distance - b.distance);
  assert.deepEqual(nearest(codes, 4, z, 6).map((r) => r.row), all.slice(0, 6).map((r) => r.row));
  near(nearest(codes, 4, z, 1)[0].distance, all[0].distance);
  assert.equal(nearest(codes, 4, z, 1, all[0].row)[0].row, all[1].row);
  assert.deepEqual(nearest(new Float32Array(0), 4, z, 3), []);
});

test("rows are read and written by split and place", () => {
  const book = rowBook({ train: [0, 120], test: [120, 240] }, 240, null);
  assert.equal(book.name(117), "train row 117");
  assert.equal(book.name(237), "test row 117");
  assert.deepEqual(book.read("test 117").rows, [237]);
  assert.deepEqual(book.read("train 1-3, 5; TEST row 0").rows, [1, 2, 3, 5, 120]);
  assert.deepEqual(book.read("test 2 – 3 train:4").rows, [4, 122, 123]);
  for (const row of [0, 119, 120, 239]) assert.deepEqual(book.read(book.name(row)).rows, [row]);
  const rows = [1, 2, 3, 9, 120, 121, 239];
  assert.equal(book.write(rows), "train 1-3, 9; test 0-1, 119");
  assert.deepEqual(book.read(book.write(rows)).rows, rows);
  assert.deepEqual(book.read(book.example).rows.length, 22);
  assert.deepEqual(book.read(""), { rows: [], missing: 0, error: "" });
});

test("what of a list of rows is not understood is said, and nothing is chosen then", () => {
  const book = rowBook({ train: [0, 120], test: [120, 240] }, 240, null);
  const refused = (text) => {
    const { rows, error } = book.read(text);
    assert.deepEqual(rows, []);
    return error;
  };
  assert.match(refused("train 1, x, 3y"), /“x”, “3y” were not understood; write for example train 1-20, 25; test 117\./);
  assert.match(refused("117"), /“117” of which split\?/);
  assert.match(refused("train 5-3"), /runs backwards; write 3-5/);
  assert.match(refused("test 500"), /“test 500” is not on the map; its test rows go from 0 to 119\./);
  assert.match(refused("train 1.5"), /“1.5” was not understood/);
  assert.deepEqual(book.read("train 100-199"), { rows: Array.from({ length: 20 }, (_, i) => 100 + i), missing: 80, error: "" });
});

test("of some of the rows, those are found that are on the map, under their own numbers", () => {
  const places = Int32Array.of(3, 10, 11, 500, 2, 7);
  const book = rowBook({ train: [0, 4], valid: [4, 6] }, 6, places);
  assert.equal(book.name(3), "train row 500");
  assert.deepEqual(book.read("train 500; valid 7"), { rows: [3, 5], missing: 0, error: "" });
  assert.deepEqual(book.read("train 10-20"), { rows: [1, 2], missing: 9, error: "" });
  assert.match(book.read("train 4").error, /“train 4” is not on the map; its train rows go from 3 to 500, and not all are shown/);
  assert.equal(book.write([0, 1, 2, 3]), "train 3, 10-11, 500");
  const alone = rowBook({}, 9, null);
  assert.equal(alone.name(4), "row 4");
  assert.deepEqual(alone.read("row 4").rows, [4]);
  assert.deepEqual(alone.read("2-3").rows, [2, 3]);
});

test("a line drawn by hand keeps what it encloses in a few round corners", () => {
  const random = uniform(3);
  const circle = Array.from({ length: 400 }, (_, i) => [3 + 2 * Math.cos(i / 64), -1 + 2 * Math.sin(i / 64) + 0.002 * random()]);
  const few = simplified(circle);
  assert.ok(few.length <= 40 && few.length > 8, `${few.length}`);
  assert.ok(few.flat().join(",").length < 640);
  const points = Float32Array.from({ length: 4000 }, (_, i) => (i % 2 ? -4 + 6 * random() : 6 * random()));
  const [all, kept] = [circle, few].map((line) => new Set(inside(points, line)));
  const apart = [...all].filter((i) => !kept.has(i)).length + [...kept].filter((i) => !all.has(i)).length;
  assert.ok(apart <= 0.02 * all.size, `${apart} of ${all.size}`);
  assert.deepEqual(simplified([[0, 0], [1, 0], [2, 0], [2, 2], [0, 2]]), [[0, 0], [2, 0], [2, 2], [0, 2]]);
  assert.equal(simplified([[1, 1], [1, 1]]).length, 1);
});

test("a direction goes from one mean to the other", () => {
  const codes = f32(0, 0, 2, 0, 10, 4, 12, 8);
  assert.deepEqual([...meanOf(codes, 2, [0, 1])], [1, 0]);
  assert.deepEqual([...direction(codes, 2, [0, 1], [2, 3])], [10, 6]);
});

test("a line holds what lies inside, also where it bends inwards", () => {
  const points = f32(1, 1, 5, 1, 1, 4, 5, 4, 9, 9, 3, 4);
  const bent = [[0, 0], [6, 0], [6, 6], [3, 3], [0, 6]];
  assert.deepEqual(inside(points, bent), [0, 1, 2, 3]);
});

test("draws repeat by their seed and have the prior's moments", () => {
  const prior = { kind: "normal", mean: [3], sd: [2] };
  assert.deepEqual(samples(prior, 1, 5, 1, 9), samples(prior, 1, 5, 1, 9));
  const values = samples(prior, 1, 20000, 1, 9).map((z) => z[0]);
  const mean = values.reduce((a, b) => a + b) / values.length;
  const spread = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
  // Five standard errors.
  near(mean, 3, (5 * 2) / Math.sqrt(20000));
  near(spread, 2, (5 * 2) / Math.sqrt(2 * 20000));
});

test("temperature scales the distance from the mean, and 0 is the mean", () => {
  const prior = { kind: "normal", mean: [1, 2], sd: [1, 3] };
  const [whole, half] = [1, 0.5].map((t) => samples(prior, 2, 4, t, 2));
  whole.forEach((z, k) => z.forEach((v, i) => near(half[k][i] - prior.mean[i], (v - prior.mean[i]) / 2)));
  for (const z of samples(prior, 2, 3, 0, 2)) assert.deepEqual([...z], [1, 2]);
  const bank = { kind: "bank", draws: f32(0, 0, 4, 8), temperature: true };
  for (const z of samples(bank, 2, 3, 0, 2)) assert.deepEqual([...z], [2, 4]);
  // Where halfway is no possible z, nothing is scaled.
  for (const z of samples({ ...bank, temperature: false }, 2, 3, 0, 2)) assert.ok(z[0] === 0 || z[0] === 4);
});
