// What a hand does on the map, by mouse, finger, pen or wheel, told as: moved to, slid by, zoomed at, clicked, drawn around.

/** @typedef {"move" | "pan" | "lasso"} Tool */

/**
 * @typedef {object} Heard
 * @property {() => Tool} tool
 * @property {(x: number, y: number, at: number) => void} move
 * @property {(dx: number, dy: number) => void} slide
 * @property {(factor: number, x: number, y: number) => void} zoom
 * @property {(x: number, y: number) => void} click
 * @property {(x: number, y: number) => void} hover
 * @property {() => void} leave
 * @property {(line: [number, number][], done: boolean) => void} draw
 */

const STILL = 4;

/**
 * @param {HTMLElement} ground
 * @param {Heard} heard
 */
export function listen(ground, heard) {
  /** @type {Map<number, [number, number]>} */
  const down = new Map();
  /** @type {"move" | "pan" | "lasso" | "pinch" | null} */
  let doing = null;
  let far = 0;
  let waits = false;
  /** @type {[number, number][]} */
  let line = [];
  const place = (/** @type {MouseEvent} */ event) => {
    const box = ground.getBoundingClientRect();
    return /** @type {[number, number]} */ ([event.clientX - box.left, event.clientY - box.top]);
  };

  ground.addEventListener("pointerdown", (event) => {
    if (/** @type {Element} */ (event.target).closest("button, select, input, label, a")) return;
    if (event.button === 2) return;
    event.preventDefault();
    ground.focus({ preventScroll: true });
    ground.setPointerCapture(event.pointerId);
    const [x, y] = place(event);
    down.set(event.pointerId, [x, y]);
    heard.leave();
    if (down.size > 1) {
      doing = "pinch";
      if (line.length) heard.draw((line = []), false);
      return;
    }
    far = 0;
    // A finger may be the first of two, and moves nothing before it has moved itself or is lifted.
    waits = event.pointerType === "touch";
    doing = event.button === 1 || event.shiftKey ? "pan" : heard.tool();
    if (doing === "move" && !waits) heard.move(x, y, event.timeStamp);
    if (doing === "lasso") line = [[x, y]];
  });

  ground.addEventListener("pointermove", (event) => {
    const [x, y] = place(event);
    const before = down.get(event.pointerId);
    if (!before) {
      heard.hover(x, y);
      return;
    }
    if (doing === "pinch") {
      pinch(event.pointerId, before, [x, y]);
      return;
    }
    far += Math.hypot(x - before[0], y - before[1]);
    down.set(event.pointerId, [x, y]);
    if (far >= STILL) waits = false;
    if (doing === "move" && !waits) heard.move(x, y, event.timeStamp);
    else if (doing === "pan") heard.slide(x - before[0], y - before[1]);
    else if (doing === "lasso") {
      line.push([x, y]);
      heard.draw(line, false);
    }
  });

  /**
   * @param {number} id
   * @param {[number, number]} before
   * @param {[number, number]} now
   */
  function pinch(id, before, now) {
    const other = [...down].find(([key]) => key !== id)?.[1];
    down.set(id, now);
    if (!other) return;
    const apart = (/** @type {[number, number]} */ p) => Math.hypot(p[0] - other[0], p[1] - other[1]);
    heard.slide((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
    heard.zoom(apart(now) / Math.max(apart(before), 1), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  }

  const up = (/** @type {PointerEvent} */ event) => {
    if (!down.delete(event.pointerId)) return;
    const lifted = event.type === "pointerup";
    if (doing === "move" && waits && lifted) heard.move(...place(event), event.timeStamp);
    if (doing === "move" && far < STILL && lifted) heard.click(...place(event));
    if (doing === "lasso") {
      heard.draw(lifted ? line : [], lifted);
      line = [];
    }
    // The finger that stays down after a pinch moves nothing until it is put down anew.
    doing = null;
  };
  ground.addEventListener("pointerup", up);
  ground.addEventListener("pointercancel", up);
  ground.addEventListener("pointerleave", () => heard.leave());
  ground.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
      heard.zoom(Math.exp((-event.deltaY * lines) / 420), ...place(event));
    },
    { passive: false },
  );
  ground.addEventListener("dblclick", (event) => {
    if (heard.tool() === "pan") heard.zoom(2, ...place(event));
  });
}
