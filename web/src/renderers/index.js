// How each domain is shown. A new one is a file here and a line below.

import { image } from "./image.js";
import { other } from "./other.js";
import { table } from "./table.js";

/** @type {Record<string, import("../types.js").Renderer>} */
export const RENDERERS = { image, table, other };
