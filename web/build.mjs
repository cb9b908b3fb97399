// Sources to the files that are shipped, with the same bytes every time.
//
//   node build.mjs            writes ../src/latentia/web/page
//   node build.mjs FOLDER     writes there (CI builds twice and compares)

import { build } from "esbuild";
import { createHash } from "node:crypto";
import { cp, mkdir, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(here, "../src/latentia/web/page"));
const RUNTIME = "ort-wasm-simd-threaded.wasm";

const LICENCES = "/*! Latentia's explorer, Apache-2.0. Holds twgl.js, MIT: see LICENSES.txt. */";

await rm(out, { recursive: true, force: true });
await mkdir(join(out, "ort"), { recursive: true });

const shared = {
  absWorkingDir: here,
  bundle: true,
  format: "esm",
  target: ["es2022"],
  minify: true,
  legalComments: "none",
  charset: "utf8",
  logLevel: "warning",
};

await build({ ...shared, entryPoints: ["src/main.js"], outfile: join(out, "app.js"), banner: { js: LICENCES } });
// By itself, and only imported where the model runs in the browser. It asks for Node's modules only where there is no window.
await build({
  ...shared,
  entryPoints: ["src/backends/ort.js"],
  outfile: join(out, "ort.js"),
  legalComments: "inline",
  external: ["module", "worker_threads", "fs", "path", "url", "node:*"],
});
await build({ ...shared, entryPoints: ["src/app.css"], outfile: join(out, "app.css"), bundle: false });
await cp(join(here, "src/index.html"), join(out, "index.html"));

const packed = gzipSync(await readFile(join(here, "node_modules/onnxruntime-web/dist", RUNTIME)), { level: 9 });
// The byte that names the system which packed it.
packed[9] = 255;
await writeFile(join(out, "ort", `${RUNTIME}.gz`), packed);
// The package itself carries no text of its licence.
const runtime = await readFile(join(here, "licences/onnxruntime.txt"), "utf8");
const points = await readFile(join(here, "node_modules/twgl.js/LICENSE.md"), "utf8");
await writeFile(join(out, "LICENSES.txt"), `${runtime}\n\ntwgl.js: a part of app.js\n\n${points}`);

for (const file of (await readdir(out, { recursive: true })).sort()) {
  const path = join(out, file);
  if (!(await stat(path)).isFile()) continue;
  const bytes = await readFile(path);
  const sha = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
  console.log(`${String(bytes.length).padStart(10)}  ${sha}  ${relative(out, path)}`);
}
