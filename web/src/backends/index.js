// The two places where a model may run: behind an address, or here.

import { httpBackend } from "./http.js";
import { onnxBackend } from "./onnx.js";

/** @type {Record<"http" | "onnx", (scene: import("../types.js").Scene) => import("../types.js").Backend>} */
export const BACKENDS = { http: httpBackend, onnx: onnxBackend };
