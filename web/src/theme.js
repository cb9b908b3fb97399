// Light or dark: as the system says, until somebody says otherwise.

import { byId } from "./dom.js";

const KEY = "latentia-theme";

/** @param {import("./store.js").Store} store */
export function followTheme(store) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const button = byId("theme");
  /** @type {string | null} */
  let chosen = null;
  try {
    chosen = localStorage.getItem(KEY);
  } catch {
    // A page without storage follows the system.
  }
  const apply = () => {
    const theme = chosen === "light" || chosen === "dark" ? chosen : system.matches ? "dark" : "light";
    document.documentElement.dataset.theme = theme;
    button.textContent = theme === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", theme === "dark" ? "Light colours" : "Dark colours");
    store.set("theme", { theme });
  };
  system.addEventListener("change", apply);
  button.addEventListener("click", () => {
    chosen = store.theme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem(KEY, chosen);
    } catch {
      // It holds for as long as the page is open.
    }
    apply();
  });
  apply();
}
