import assert from "node:assert/strict";
import { test } from "node:test";

import { byLine, chosen } from "../src/choosing.js";
import { isRow, readRow } from "../src/rowtext.js";
import { assemble } from "../src/scene.js";

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
