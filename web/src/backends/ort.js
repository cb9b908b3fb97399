// The part of onnxruntime-web that is needed, built as a file of its own, which a served page never loads.

import { InferenceSession, Tensor, env } from "onnxruntime-web/wasm";

// One thread, and the page's own: no worker and no shared memory, so that any static host will do.
env.wasm.numThreads = 1;
env.wasm.proxy = false;
env.logLevel = "error";

/** @param {ArrayBuffer} binary the runtime, unpacked */
export function useBinary(binary) {
  env.wasm.wasmBinary = binary;
}

export { InferenceSession, Tensor };
