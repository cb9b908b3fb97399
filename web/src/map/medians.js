// Where on the map the name of a label stands: at the median of its rows.

const MOST = 30;

/**
 * @param {import("../types.js").Scene} scene
 * @returns {{label: number, at: [number, number], name: string}[]}
 */
export function medians(scene) {
  if (!scene.labels) return [];
  /** @type {Map<number, [number[], number[]]>} */
  const places = new Map();
  for (let i = 0; i < scene.n; i += 1) {
    const label = scene.labels[i];
    if (label < 0) continue;
    const held = places.get(label) ?? [[], []];
    held[0].push(scene.points[2 * i]);
    held[1].push(scene.points[2 * i + 1]);
    places.set(label, held);
  }
  if (places.size < 2 || places.size > MOST) return [];
  return [...places].map(([label, [xs, ys]]) => ({ label, at: [median(xs), median(ys)], name: scene.nameOf(label) }));
}

/** @param {number[]} values */
function median(values) {
  values.sort((a, b) => a - b);
  return values[values.length >> 1];
}
