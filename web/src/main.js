// The page put together: a scene, a back end, a renderer, a map, and the panels around it.

import { BACKENDS } from "./backends/index.js";
import { byId, counted } from "./dom.js";
import { watchDrops } from "./dropped.js";
import { decoder } from "./explorer.js";
import { makeMap } from "./map/map.js";
import { decodedPanel } from "./panels/decoded.js";
import { groupsPanel } from "./panels/groups.js";
import { latentsPanel } from "./panels/latents.js";
import { legendPanel } from "./panels/legend.js";
import { ownPanel } from "./panels/own.js";
import { samplesPanel } from "./panels/samples.js";
import { readAddress, sharePanel } from "./panels/share.js";
import { walkPanel } from "./panels/walk.js";
import { RENDERERS } from "./renderers/index.js";
import { loadScene } from "./scene.js";
import { beginning } from "./start.js";
import { Store } from "./store.js";
import { followTheme } from "./theme.js";
import { exposed } from "./timing.js";

const FADES_AFTER = 2600;
const HIDES_AFTER = 8000;

let fading = 0;
let hiding = 0;

/** @param {string} words */
function say(words) {
  const toast = byId("said");
  toast.textContent = words;
  toast.classList.add("seen");
  clearTimeout(fading);
  fading = window.setTimeout(() => toast.classList.remove("seen"), FADES_AFTER);
}

/** @param {unknown} error */
function trouble(error) {
  const box = byId("trouble");
  box.textContent = error instanceof Error ? error.message : String(error);
  box.hidden = false;
  clearTimeout(hiding);
  hiding = window.setTimeout(() => (box.hidden = true), HIDES_AFTER);
}

/**
 * The page could not be put together, and nothing will change that: what is wrong stays where it is.
 * @param {unknown} error
 */
function failed(error) {
  trouble(error);
  clearTimeout(hiding);
  byId("lead").textContent = "This page could not be opened.";
  document.body.classList.add("failed", "loading");
}

async function start() {
  const dropped = watchDrops(say);
  const scene = await loadScene();
  const { about } = scene;
  const store = new Store(scene.d);
  const backend = (BACKENDS[about.backend] ?? BACKENDS.http)(scene);
  const renderer = RENDERERS[about.kind] ?? RENDERERS.other;
  const first = beginning(scene);
  store.z = first.z;
  store.a = first.a;
  store.b = first.b;
  store.path = scene.prior.kind === "normal" ? "spherical" : "linear";
  store.colour = scene.labels ? "label" : scene.scores ? "score" : "plain";
  followTheme(store);
  headline(scene, backend.where);
  document.body.dataset.kind = about.kind;
  document.body.classList.remove("loading");

  const map = makeMap(scene, store, renderer, say);
  const explorer = { scene, store, backend, renderer, map, say, trouble, decode: decoder(scene, backend), nearestRow: () => -1, dropped };
  legendPanel(explorer);
  explorer.nearestRow = decodedPanel(explorer).nearestRow;
  latentsPanel(explorer);
  walkPanel(explorer);
  ownPanel({ ...explorer, nearestRow: () => explorer.nearestRow() });
  groupsPanel(explorer);
  samplesPanel(explorer);
  readAddress(scene, store, map);
  sharePanel(explorer);
  window.addEventListener("hashchange", () => readAddress(scene, store, map));
}

/**
 * @param {import("./types.js").Scene} scene
 * @param {string} where
 */
function headline({ about, n }, where) {
  document.title = `${about.name} · Latentia`;
  byId("name").textContent = about.name;
  const active = about.latents.filter((l) => l.active).length;
  const latents = about.latents.length === 1 ? "one latent" : `${about.latents.length} latents`;
  const use = active === about.latents.length ? "" : `, ${active} in use`;
  const rows = about.rows_of || `${counted(n)} rows`;
  byId("lead").textContent = `${rows[0].toUpperCase()}${rows.slice(1)}, ${latents}${use}. Decoded ${where}.`;
  const names = about.plane.names;
  const share = about.plane.share ? `${Math.round(100 * about.plane.share)} % of the variance` : "";
  byId("axes").textContent = [names[0] && `→ ${names[0]}`, names[1] && `↑ ${names[1]}`, share].filter(Boolean).join(" · ");
  byId("notes").textContent = (about.notes ?? []).join(" ");
}

exposed(
  start().catch((error) => {
    failed(error);
    throw error;
  }),
);
