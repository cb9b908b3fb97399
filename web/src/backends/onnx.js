// The model in the browser: the exported graphs, run by onnxruntime-web.

import { once } from "../once.js";
import { inPieces } from "./pieces.js";
import { unpacked } from "./unpacked.js";

const SCRIPT = "./ort.js";
const BINARY = "./ort/ort-wasm-simd-threaded.wasm.gz";
// Of decoded rows at once: what the runtime has taken for a question it keeps for as long as the page is open.
const VALUES_AT_ONCE = 1 << 18;
const WHOLE_ROWS = "This run's encoder reads whole rows only; please fill in every cell.";

/** @typedef {typeof import("./ort.js")} Runtime */

/**
 * @param {import("../types.js").Scene} scene
 * @returns {import("../types.js").Backend}
 */
export function onnxBackend(scene) {
  const { about } = scene;
  const { onnx } = about;
  if (!onnx) throw new Error("The scene names no ONNX files.");
  const runtime = once(loadRuntime);
  const session = (/** @type {string} */ file) =>
    once(async () => (await runtime()).InferenceSession.create(await bytes(scene.file(file)), { executionProviders: ["wasm"] }));
  const decoder = session(onnx.decoder);
  const encoder = session(onnx.encoder ?? "");
  /** @param {Float32Array} z @param {number} n */
  const decodeSome = async (z, n) => {
    const { Tensor } = await runtime();
    const given = new Tensor("float32", Float32Array.from(z), [n, ...about.z_shape]);
    const out = await (await decoder()).run({ [onnx.decoder_input]: given }, [onnx.decoder_output]);
    return Float32Array.from(/** @type {Float32Array} */ (out[onnx.decoder_output].data));
  };
  return {
    where: "in this browser, without a server",
    decode: (z, n) => inPieces(z, n, Math.max(1, Math.floor(VALUES_AT_ONCE / scene.xSize)), decodeSome),
    encode: onnx.encoder
      ? async (given) => {
          const { Tensor } = await runtime();
          const shape = [1, ...about.x_shape];
          const [xName, maskName] = onnx.encoder_inputs ?? ["x"];
          if (!maskName && given.mask.includes(0)) throw new Error(WHOLE_ROWS);
          const feeds = { [xName]: new Tensor("float32", given.x, shape) };
          if (maskName) feeds[maskName] = new Tensor("float32", given.mask, shape);
          const { encoder_mean: mean = "mean", encoder_sd: sd = "sd" } = onnx;
          const out = await (await encoder()).run(feeds, [mean, sd]);
          return {
            mean: Float32Array.from(/** @type {Float32Array} */ (out[mean].data)),
            sd: Float32Array.from(/** @type {Float32Array} */ (out[sd].data)),
            notes: [],
          };
        }
      : null,
    whyNot: onnx.no_encoder ?? "",
  };
}

let attempts = 0;

/** @returns {Promise<Runtime>} */
async function loadRuntime() {
  // In a variable, so that the bundler leaves it a file of its own; and under another name where it failed, since a browser
  // may remember that.
  const script = new URL(attempts ? `${SCRIPT}?${attempts}` : SCRIPT, document.baseURI).href;
  attempts += 1;
  const [ort, binary] = await Promise.all([/** @type {Promise<Runtime>} */ (import(script)), bytes(BINARY).then(unpacked)]);
  ort.useBinary(binary);
  return ort;
}

/** @param {string} address */
async function bytes(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address} could not be read (${answer.status} ${answer.statusText}).`);
  return answer.arrayBuffer();
}
