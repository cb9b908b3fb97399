// From the hand to the pixels, kept where a developer looks: the browser's own timeline, and the last few hundred on the window.

const KEPT = 400;

/** @type {number[]} */
const times = [];

/** @param {number} from in ms of the page's clock */
export function timed(from) {
  const now = performance.now();
  if (!from) return;
  times.push(now - from);
  if (times.length > KEPT) times.shift();
  performance.clearMeasures("latentia: hand to pixels");
  performance.measure("latentia: hand to pixels", { start: Math.min(from, now), end: now });
}

/** @param {Promise<void>} ready */
export function exposed(ready) {
  Object.defineProperty(window, "latentia", { value: Object.freeze({ ready, times }) });
}
