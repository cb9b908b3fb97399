// What is dropped or pasted anywhere on the page: for whoever takes it, and never a reason for the browser to leave.

/**
 * @typedef {object} Dropped
 * @property {(file: File) => void} file what becomes of a file that no part of the page took before
 * @property {(text: string, inField: boolean) => boolean} text whether a text that was pasted is taken
 */

/**
 * @param {(words: string) => void} say
 * @returns {Dropped} to be overwritten by whoever takes something
 */
export function watchDrops(say) {
  /** @type {Dropped} */
  const dropped = {
    file: () => say("This page takes no files."),
    text: () => false,
  };
  const carries = (/** @type {DragEvent} */ event, /** @type {string} */ kind) => event.dataTransfer?.types.includes(kind) ?? false;
  // On the window, so that a part of the page that listens on the document comes first.
  window.addEventListener("dragover", (event) => {
    if (event.defaultPrevented || !(carries(event, "Files") || carries(event, "text/uri-list"))) return;
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = "copy";
  });
  window.addEventListener("drop", (event) => {
    if (event.defaultPrevented || !(carries(event, "Files") || carries(event, "text/uri-list"))) return;
    event.preventDefault();
    const file = event.dataTransfer?.files[0];
    if (file) dropped.file(file);
    else say("That was a link; drop the file itself.");
  });
  window.addEventListener("paste", (event) => {
    const field = event.target instanceof Element ? event.target.closest("input, textarea, select") : null;
    const text = event.clipboardData?.getData("text/plain") ?? "";
    // What is pasted into a field that asks for something else belongs there.
    if (event.defaultPrevented || !text || (field && !field.closest("#own"))) return;
    if (dropped.text(text, Boolean(field))) event.preventDefault();
  });
  return dropped;
}
