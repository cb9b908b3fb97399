// Elements made in one line.

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [props] attributes; on… are listeners; text is the content; null and false are left out
 * @param {...(Node | string | null)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "text") element.textContent = value;
    else if (key === "value") /** @type {any} */ (element).value = value;
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...children.filter((c) => c !== null));
  return element;
}

/**
 * Words for who listens, where others see a picture.
 * @param {string} words
 */
export function spoken(words) {
  return h("span", { class: "hidden", text: words });
}

/**
 * The element with this id, which the page has.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no #${id}.`);
  return found;
}

/**
 * Calls that come in a rush, as one when they rest.
 * @param {number} ms
 * @param {() => void} call
 */
export function rested(ms, call) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = window.setTimeout(call, ms);
  };
}

/**
 * At most one call a frame.
 * @param {() => void} call
 */
export function framed(call) {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      call();
    });
  };
}

/**
 * A number in few digits, for people.
 * @param {number} value
 * @param {number} decimals
 */
export function few(value, decimals = 2) {
  // Without a sign before what is rounded to nothing.
  return value.toFixed(decimals).replace(/^-(?=[0.]*$)/, "").replace("-", "−");
}

/** @param {number} n */
export function counted(n) {
  return n.toLocaleString("en").replaceAll(",", "\u202f");
}

/** @param {number} i */
export function latentName(i) {
  return `z${[...String(i)].map((c) => "₀₁₂₃₄₅₆₇₈₉"[Number(c)]).join("")}`;
}
