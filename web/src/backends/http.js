// The model behind the service's API, version 1.

import { once } from "../once.js";
import { nest } from "./nest.js";
import { inPieces } from "./pieces.js";

// Of a number in JSON, with the bracket or the comma beside it.
const BYTES_A_NUMBER = 26;

/**
 * @param {import("../types.js").Scene} scene
 * @returns {import("../types.js").Backend}
 */
export function httpBackend(scene) {
  const { about } = scene;
  const encodes = about.encodes !== false;
  const limits = once(async () => (await (await answered(fetch("./v1/info"))).json()).limits);
  /** How many z may be asked about at once. */
  const most = async () => {
    const { rows = 1, body_bytes: bytes = Infinity } = await limits();
    return Math.max(1, Math.min(rows, Math.floor(bytes / (BYTES_A_NUMBER * (scene.d + 1)))));
  };
  /** @param {Float32Array} z @param {number} n */
  const decodeSome = async (z, n) => {
    const answer = await post("decode", { z: nest(z, [n, ...about.z_shape]) }, "application/octet-stream");
    const x = new Float32Array(await answer.arrayBuffer());
    if (x.length !== n * scene.xSize) throw new Error(`The service sent ${x.length} numbers, wanted ${n * scene.xSize}.`);
    return x;
  };
  return {
    where: "on this computer, by its service",
    // One is allowed everywhere, and is what a drag asks for.
    decode: async (z, n) => (n === 1 ? decodeSome(z, n) : inPieces(z, n, await most(), decodeSome)),
    encode: encodes
      ? async (given) => {
          const body = given.row ? { rows: [given.row] } : { x: nest(given.x, [1, ...about.x_shape]) };
          const said = await (await post("encode", body, "application/json")).json();
          return { mean: flat(said.mean), sd: flat(said.sd), notes: said.notes ?? [] };
        }
      : null,
    whyNot: "This run has no posterior that answers for a new row at once.",
  };
}

/**
 * @param {string} what
 * @param {unknown} body
 * @param {string} accept
 */
function post(what, body, accept) {
  return answered(
    fetch(`./v1/${what}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: accept },
      body: JSON.stringify(body),
    }),
  );
}

/** @param {Promise<Response>} asked */
async function answered(asked) {
  const answer = await asked.catch(() => {
    throw new Error("The service does not answer; is `latentia explore` still running?");
  });
  if (!answer.ok) throw new Error(await sentence(answer));
  return answer;
}

/** @param {Response} answer */
async function sentence(answer) {
  try {
    const { detail } = await answer.json();
    if (typeof detail === "string") return detail;
    if (Array.isArray(detail) && detail[0]?.msg) return detail[0].msg;
  } catch {
    // Not JSON: the status must do.
  }
  return `The service refused (${answer.status} ${answer.statusText}).`;
}

/** @param {any} nested */
function flat(nested) {
  return Float32Array.from(/** @type {any[]} */ (nested).flat(Infinity));
}
