// A colour for each row: by label, by score, or the same for all.

// M. A. Petroff (2021), Accessible Color Sequences for Data Visualization; lightened where the page is dark.
const LABELS = {
  light: ["#3f90da", "#e69500", "#bd1f01", "#7d918e", "#832db6", "#a96b59", "#e76300", "#a3954c", "#717581", "#4fb6bb"],
  dark: ["#62a9ee", "#ffb938", "#ee6146", "#9fb3b0", "#bb84e3", "#c78f7e", "#ff8a3d", "#c9bb74", "#9aa0ad", "#92dadd"],
};
// From unlikely to likely, even in lightness; the unlikely ones stand out against the paper.
const SCORES = {
  light: ["#7a0f5f", "#b5335a", "#dd6a4c", "#d9a54a", "#8fb7a0", "#4f94b8"],
  dark: ["#ff7ac0", "#ff8f86", "#f5b26b", "#d9cf7c", "#7fb8a4", "#3f7fa8"],
};
const PLAIN = { light: "#0b6bb5", dark: "#62b4f2" };

/** @typedef {"light" | "dark"} Theme */
/** @typedef {"label" | "score" | "plain"} Colouring */

/**
 * @param {string} hex
 * @returns {[number, number, number]}
 */
export function rgb(hex) {
  const part = (/** @type {number} */ at) => Number.parseInt(hex.slice(at, at + 2), 16);
  return [part(1), part(3), part(5)];
}

/** Marks that tell labels of one colour apart, in their order. */
export const MARKS = /** @type {const} */ (["disc", "ring", "diamond", "square"]);
/** So many labels look different from each other. */
export const LOOKS = LABELS.light.length * MARKS.length;

/**
 * @param {number} rank of a label among those that occur, -1 for none
 * @param {Theme} theme
 */
export function labelColour(rank, theme) {
  const list = LABELS[theme];
  return rank < 0 ? "#8a929b" : list[rank % list.length];
}

/**
 * The place among `MARKS` of a label's mark: the first for the first labels, the next where colours begin again.
 * @param {number} rank of a label among those that occur, -1 for none
 */
export function labelMark(rank) {
  return rank < 0 ? 0 : Math.floor(rank / LABELS.light.length) % MARKS.length;
}

/**
 * @param {import("../types.js").Scene} scene
 * @param {Colouring} by
 * @returns {Uint8Array | null} each row's place among `MARKS`; null where all are discs
 */
export function rowMarks(scene, by) {
  const { labels } = scene;
  if (by !== "label" || !labels || scene.kinds.length <= LABELS.light.length) return null;
  const of = new Map(scene.kinds.map((label, rank) => [label, labelMark(rank)]));
  return Uint8Array.from(labels, (label) => of.get(label) ?? 0);
}

/** @param {Theme} theme */
export function scoreRamp(theme) {
  return SCORES[theme];
}

/**
 * The range of scores that colours tell apart: outliers beyond it look like its ends.
 * @param {Float32Array} scores
 * @returns {[number, number]}
 */
export function scoreRange(scores) {
  const sorted = scores.filter(Number.isFinite).sort();
  if (!sorted.length) return [0, 1];
  const at = (/** @type {number} */ q) => sorted[Math.round(q * (sorted.length - 1))];
  const [low, high] = [at(0.02), at(0.98)];
  return high > low ? [low, high] : [low - 0.5, low + 0.5];
}

/**
 * @param {import("../types.js").Scene} scene
 * @param {Colouring} by
 * @param {Theme} theme
 * @param {Set<number> | null} lit labels that stand out, or null for all
 * @returns {Uint8Array} n × 4
 */
export function rowColours(scene, by, theme, lit) {
  const out = new Uint8Array(4 * scene.n);
  const ramp = SCORES[theme].map(rgb);
  const [low, high] = scene.scores ? scoreRange(scene.scores) : [0, 1];
  const plain = rgb(PLAIN[theme]);
  /** @type {Map<number, [number, number, number]>} */
  const known = new Map();
  for (let i = 0; i < scene.n; i += 1) {
    let colour = plain;
    let alpha = 255;
    const label = scene.labels ? scene.labels[i] : -1;
    if (by === "label") {
      if (!known.has(label)) known.set(label, rgb(labelColour(scene.rankOf(label), theme)));
      colour = known.get(label) ?? plain;
    } else if (by === "score" && scene.scores) {
      const score = scene.scores[i];
      // Without a number there is no colour to give: faint.
      if (Number.isNaN(score)) alpha = 60;
      const t = Math.min(Math.max((score - low) / (high - low), 0), 1) * (ramp.length - 1) || 0;
      // In steps, so that rows of a colour can be drawn together.
      const step = Math.round(t * 12) / 12;
      const k = Math.min(Math.floor(step), ramp.length - 2);
      colour = /** @type {[number, number, number]} */ (
        ramp[k].map((c, j) => Math.round(c + (step - k) * (ramp[k + 1][j] - c)))
      );
    }
    if (lit && !lit.has(label)) alpha = 24;
    out.set(colour, 4 * i);
    out[4 * i + 3] = alpha;
  }
  return out;
}
