// What the keys do on the map: arrows move the point or the map, + and − zoom, 0 shows all, Enter goes to the nearest row.

const STEP = 14;
const FASTER = 4;
const CLOSER = 1.4;
const ARROWS = /** @type {Record<string, [number, number]>} */ ({
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
});

/**
 * @typedef {object} Pressed
 * @property {(dx: number, dy: number, at: number) => void} step the point, by pixels to the right and up
 * @property {(dx: number, dy: number) => void} slide the map, likewise
 * @property {(factor: number) => void} zoom
 * @property {() => void} fit
 * @property {() => void} nearest
 */

/**
 * @param {HTMLElement} ground
 * @param {Pressed} pressed
 */
export function listenToKeys(ground, pressed) {
  ground.addEventListener("keydown", (event) => {
    if (event.target !== ground || event.ctrlKey || event.metaKey) return;
    const by = STEP * (event.shiftKey ? FASTER : 1);
    const arrow = ARROWS[event.key];
    if (arrow && event.altKey) pressed.slide(4 * by * arrow[0], 4 * by * arrow[1]);
    else if (arrow) pressed.step(by * arrow[0], by * arrow[1], event.timeStamp);
    else if (event.key === "+" || event.key === "=") pressed.zoom(CLOSER);
    else if (event.key === "-") pressed.zoom(1 / CLOSER);
    else if (event.key === "0") pressed.fit();
    else if (event.key === "Enter") pressed.nearest();
    else return;
    event.preventDefault();
  });
}
