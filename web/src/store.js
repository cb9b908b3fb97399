// What the page is looking at. Parts change it here and hear of changes here, and know nothing of each other.

import { NOBODY } from "./choosing.js";

/** The draws from the prior that one begins with. */
export const FIRST_DRAWS = { seed: 1, temperature: 1 };

/**
 * @typedef {"z" | "pins" | "look" | "path" | "theme" | "given" | "groups" | "draws"} Topic
 * @typedef {"map" | "slider" | "walk" | "row" | "draw" | "direction" | "own" | "address" | "start"} Cause
 */

export class Store {
  /** @param {number} d latents */
  constructor(d) {
    /** @type {Float32Array} */
    this.z = new Float32Array(d);
    /** When the hand moved that z came from, in ms of the page's clock. */
    this.movedAt = 0;
    /** @type {Cause} */
    this.cause = "start";
    /** @type {Float32Array | null} */
    this.a = null;
    /** @type {Float32Array | null} */
    this.b = null;
    /** @type {"spherical" | "linear"} */
    this.path = "linear";
    /** @type {import("./map/colours.js").Colouring} */
    this.colour = "plain";
    /** @type {Set<number> | null} labels that stand out */
    this.lit = null;
    this.behind = true;
    /** @type {"light" | "dark"} */
    this.theme = "light";
    /** @type {{mean: Float32Array, sd: Float32Array, neighbours: number[]} | null} one's own thing, encoded */
    this.given = null;
    /** @type {{a: import("./choosing.js").Group, b: import("./choosing.js").Group}} rows to go away from, and those to become like */
    this.groups = { a: NOBODY, b: NOBODY };
    this.draws = FIRST_DRAWS;
    /** @type {Map<Topic, Set<() => void>>} */
    this.heard = new Map();
  }

  /**
   * @param {Topic} topic
   * @param {() => void} call
   */
  on(topic, call) {
    const calls = this.heard.get(topic) ?? new Set();
    calls.add(call);
    this.heard.set(topic, calls);
  }

  /** @param {Topic} topic */
  tell(topic) {
    for (const call of this.heard.get(topic) ?? []) call();
  }

  /**
   * @param {Float32Array} z
   * @param {Cause} cause
   * @param {number} at
   */
  go(z, cause, at = performance.now()) {
    this.z = z;
    this.cause = cause;
    this.movedAt = at;
    this.tell("z");
  }

  /**
   * @param {"a" | "b"} which
   * @param {Float32Array | null} z
   */
  pin(which, z) {
    this[which] = z;
    this.tell("pins");
  }

  /**
   * Change any of colour, lit, behind, path, theme, given, groups, draws.
   * @param {Topic} topic
   * @param {Partial<Pick<Store, "colour" | "lit" | "behind" | "path" | "theme" | "given" | "groups" | "draws">>} values
   */
  set(topic, values) {
    Object.assign(this, values);
    this.tell(topic);
  }
}
