// scene.json and the binary files beside it.

import { rowBook } from "./math/rows.js";

/** @typedef {import("./types.js").Scene} Scene */
/** @typedef {import("./types.js").SceneFile} SceneFile */

const FOLDER = "./scene/";

/** @returns {Promise<Scene>} */
export async function loadScene() {
  const about = /** @type {SceneFile} */ (await (await get("scene.json")).json());
  if (about.version !== 1) throw new Error(`The scene has version ${about.version}, this page reads version 1.`);
  const has = (/** @type {string} */ file) => get(file).then((r) => r.arrayBuffer());
  const maybe = (/** @type {boolean} */ wanted, /** @type {string} */ file) => (wanted ? has(file) : Promise.resolve(null));
  const [points, codes, labels, scores, bank, places, cells] = await Promise.all([
    maybe(about.rows > 0, "points.bin"),
    maybe(about.rows > 0, "codes.bin"),
    maybe(about.has_labels ?? Boolean(about.label_names), "labels.bin"),
    maybe(about.has_scores ?? Boolean(about.score_name), "scores.bin"),
    maybe(about.prior.kind === "bank", "prior.bin"),
    maybe(Boolean(about.rows_file), about.rows_file ?? ""),
    about.table_rows ? get(about.table_rows).then((r) => r.json()) : Promise.resolve(null),
  ]);
  return assemble(about, { points, codes, labels, scores, bank, places, cells });
}

/**
 * @param {SceneFile} about
 * @param {Record<"points" | "codes" | "labels" | "scores" | "bank" | "places", ArrayBuffer | null> & {cells: any}} files
 * @returns {Scene}
 */
export function assemble(about, files) {
  const d = about.n_latents;
  const n = about.rows;
  const codes = new Float32Array(files.codes ?? []);
  const points = new Float32Array(files.points ?? []);
  if (codes.length !== n * d || points.length !== 2 * n) {
    throw new Error(`The scene says ${n} rows of ${d} latents, but its files hold ${codes.length} and ${points.length} numbers.`);
  }
  const labels = files.labels ? new Int16Array(files.labels) : null;
  const places = files.places ? new Int32Array(files.places) : null;
  const names = about.label_names;
  const nameOf = (/** @type {number} */ label) => (label < 0 ? "" : (names?.[label] ?? String(label)));
  for (const latent of about.latents) {
    // Ends that are no numbers came out as nothing.
    latent.low ??= -3;
    latent.high ??= 3;
  }
  const { mean, sd } = about.prior;
  const book = rowBook(about.splits ?? {}, n, places);
  const kinds = [...new Set(labels ?? [])].filter((l) => l >= 0).sort((a, b) => a - b);
  const ranks = new Map(kinds.map((label, rank) => [label, rank]));
  return {
    about,
    d,
    n,
    xSize: about.x_shape.reduce((a, b) => a * b, 1),
    points,
    codes,
    labels,
    kinds,
    rankOf: (label) => ranks.get(label) ?? -1,
    scores: files.scores ? new Float32Array(files.scores) : null,
    prior: files.bank
      ? { kind: "bank", draws: new Float32Array(files.bank), temperature: about.prior.temperature ?? true }
      : { kind: "normal", mean: mean ?? new Float32Array(d), sd: sd ?? new Float32Array(d).fill(1) },
    cells: files.cells,
    nameOf,
    labelOf: (row) => (labels ? nameOf(labels[row]) : ""),
    placeOf: book.name,
    book,
    file: (file) => FOLDER + file,
  };
}

/**
 * The code of a row.
 * @param {Scene} scene
 * @param {number} row
 */
export function codeOf(scene, row) {
  return scene.codes.slice(row * scene.d, (row + 1) * scene.d);
}

/** @param {string} file */
async function get(file) {
  const answer = await fetch(FOLDER + file);
  if (!answer.ok) throw new Error(`${file} could not be read (${answer.status} ${answer.statusText}).`);
  return answer;
}
