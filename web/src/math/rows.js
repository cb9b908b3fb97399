// Rows as the page names them everywhere: by their split and their place in it.

/**
 * @typedef {object} Book
 * @property {(row: number) => string} name such as “test row 117”
 * @property {(text: string) => {rows: number[], missing: number, error: string}} read rows from text; how many it names that
 *   are not on the map; a sentence where something of it was not understood, and then no rows
 * @property {(rows: number[]) => string} write the text that names these rows, in their order
 * @property {string} example of such a text
 */

/**
 * @param {Record<string, [number, number]>} splits of each its first row on the map, and the one after its last
 * @param {number} n rows on the map
 * @param {Int32Array | null} places of each row in its split, rising; null where all are on the map
 * @returns {Book}
 */
export function rowBook(splits, n, places) {
  const known = Object.entries(splits).map(([name, [start, end]]) => ({ name, start, end }));
  const parts = known.length ? known : [{ name: "", start: 0, end: n }];
  /** @typedef {(typeof parts)[number]} Part */
  const partOf = (/** @type {number} */ row) => parts.find(({ start, end }) => row >= start && row < end);
  const placeOf = (/** @type {Part} */ part, /** @type {number} */ row) => (places ? places[row] : row - part.start);
  const called = (/** @type {Part} */ part, /** @type {string} */ text) => [part.name, text].filter(Boolean).join(" ");
  const example = [...parts.slice(0, 1).map((part) => called(part, "1-20, 25")), ...parts.slice(1).slice(-1).map((part) => called(part, "117"))].join("; ");

  /**
   * The first row of a part whose place is at least this one.
   * @param {Part} part
   * @param {number} place
   */
  function from({ start, end }, place) {
    let [low, high] = [start, end];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((places ? places[middle] : middle - start) < place) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  return {
    example,
    name(row) {
      const part = partOf(row);
      return part ? called(part, `row ${placeOf(part, row)}`) : `row ${row}`;
    },
    read(text) {
      const rows = new Set();
      /** @type {string[]} */
      const odd = [];
      let missing = 0;
      let part = parts.length === 1 ? parts[0] : null;
      const refused = (/** @type {string} */ error) => ({ rows: [], missing: 0, error });
      for (const word of text.replace(/(\d)\s*[-–—]\s*(\d)/g, "$1-$2").split(/[\s,;:]+/).filter(Boolean)) {
        const named = parts.find(({ name }) => name && name.toLowerCase() === word.toLowerCase());
        const found = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(word);
        if (named) part = named;
        else if (found) {
          if (!part) return refused(`“${word}” of which split? Write for example ${example}.`);
          const [low, high] = [Number(found[1]), Number(found[2] ?? found[1])];
          if (low > high) return refused(`“${word}” runs backwards; write ${high}-${low}.`);
          const [first, end] = [from(part, low), from(part, high + 1)];
          if (first === end) return refused(`“${called(part, word)}” is not on the map; ${within(part)}.`);
          missing += high - low + 1 - (end - first);
          for (let row = first; row < end; row += 1) rows.add(row);
        } else if (!/^rows?$/i.test(word)) odd.push(`“${word.slice(0, 40)}”`);
      }
      if (odd.length) return refused(`${odd.slice(0, 3).join(", ")} ${odd.length === 1 ? "was" : "were"} not understood; write for example ${example}.`);
      return { rows: [...rows].sort((a, b) => a - b), missing, error: "" };
    },
    write(rows) {
      /** @type {string[]} */
      const written = [];
      for (const part of parts) {
        const at = rows.filter((row) => partOf(row) === part).map((row) => placeOf(part, row));
        /** @type {[number, number][]} */
        const runs = [];
        for (const place of at) {
          const last = runs.at(-1);
          if (last && place === last[1] + 1) last[1] = place;
          else runs.push([place, place]);
        }
        if (runs.length) written.push(called(part, runs.map(([a, b]) => (a === b ? `${a}` : `${a}-${b}`)).join(", ")));
      }
      return written.join("; ");
    },
  };

  /** @param {Part} part */
  function within(part) {
    if (part.start >= part.end) return "it has none of these";
    const [low, high] = [placeOf(part, part.start), placeOf(part, part.end - 1)];
    const some = high - low + 1 > part.end - part.start;
    return `its ${part.name ? `${part.name} rows` : "rows"} go from ${low} to ${high}${some ? ", and not all are shown" : ""}`;
  }
}
