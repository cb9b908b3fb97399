"""Text tables (CSV, TSV and the like): encoding, delimiter, header and decimal sign are looked for, and can be said."""

import csv
import io
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from latentia.core.errors import DataError
from latentia.data.reading.limits import check_bytes, read_bytes
from latentia.data.reading.material import Material
from latentia.data.reading.options import Options
from latentia.data.tables.cells import MISSING, PLAIN, number
from latentia.data.tables.typed import typed_column

if TYPE_CHECKING:
    import pandas as pd

DELIMITERS = ",;\t|"
SAMPLE = 200
# A cell of text takes about this many bytes in memory beside its characters.
CELL = 60
TOTALS = re.compile(r"(grand |sub)?totals?:?|sum:?|summe:?|gesamt:?|insgesamt:?|somme:?|suma:?|totale:?", re.IGNORECASE)
# What only a decimal point, or only a decimal comma, explains; 1,234 and 1.234 are explained by both.
POINT = re.compile(r"[+-]?\d*\.(\d{1,2}|\d{4,})([eE][+-]?\d+)?|[+-]?0\.\d+|[+-]?\d{1,3}(,\d{3})+\.\d+|[+-]?\d{4,}\.\d+")
COMMA = re.compile(r"[+-]?\d+,(\d{1,2}|\d{4,})|[+-]?0,\d+|[+-]?\d{1,3}(\.\d{3})+,\d+|[+-]?\d{4,},\d+")


def read_text_table(path: Path, options: Options) -> Material:
    """A text table as a frame of typed columns.

    Raises:
        DataError: no text, no rows, lines of different lengths, a quote that never closes.
    """
    content = read_bytes(path)
    text, notes = _decoded(str(path), content)
    frame, more = parse_table(text, str(path), options)
    return Material(frame=frame, shown=str(path), notes=notes + more)


def parse_table(text: str, shown: str, options: Options) -> tuple["pd.DataFrame", list[str]]:
    """A frame of typed columns from text, and sentences about what was decided; raises as ``read_text_table``."""
    import pandas as pd

    delimiter = options.delimiter or _delimiter(text)
    check_bytes(shown, len(text) + CELL * (text.count(delimiter) + text.count("\n")))
    lines = _lines(text, delimiter, shown)
    if not lines:
        raise DataError(f"{shown} holds nothing but blanks; give a file with rows.")
    missing = MISSING if options.missing is None else tuple(word.strip().casefold() for word in options.missing)
    names, rows, notes = _headed(lines, shown, options.header)
    rows = _even(rows, names, delimiter, shown)
    if not rows:
        raise DataError(f"{shown} has a header and no rows; give a file with rows.")
    if len(rows) > 1 and (word := _total(rows)):
        rows = rows[:-1]
        notes.append(f"the last line is left out: it says {word!r}, so it sums up the others.")
    decimal = options.decimal or _decimal(rows, delimiter)
    if decimal == "," and options.decimal is None:
        notes.append("numbers are read with a decimal comma; say decimal='.' if that is wrong.")
    columns = {
        name: typed_column(cells, decimal, missing) for name, cells in zip(names, zip(*rows, strict=True), strict=True)
    }
    return pd.DataFrame(columns), notes


def _decoded(shown: str, content: bytes) -> tuple[str, list[str]]:
    utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    for encoding in ("utf-16",) if utf16 else ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text, ["the text is no UTF-8, it is read as Windows-1252."] if encoding == "cp1252" else []
    raise DataError(f"{shown} is no text in UTF-8, UTF-16 or Windows-1252; save it as UTF-8.")


def _delimiter(text: str) -> str:
    """Of the usual ones, the one that gives most lines the same number of cells, and more than one."""
    sample = "\n".join(text[: 1 << 16].splitlines()[:SAMPLE])
    best, score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        try:
            lengths = [
                len(line) for line in csv.reader(io.StringIO(sample), delimiter=delimiter, skipinitialspace=True) if line
            ]
        except csv.Error:
            continue
        length, times = Counter(lengths).most_common(1)[0] if lengths else (1, 0)
        if length > 1 and (times / len(lengths), length) > score:
            best, score = delimiter, (times / len(lengths), length)
    return best


def _lines(text: str, delimiter: str, shown: str) -> list[tuple[int, list[str]]]:
    """(number, cells) of every line that holds a cell."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        stripped = ((reader.line_num, [cell.strip() for cell in cells]) for cells in reader)
        return [(at, cells) for at, cells in stripped if any(cells)]
    except csv.Error as error:
        what = "a quote that never closes" if "end of data" in str(error) else str(error)
        raise DataError(f"{shown} cannot be read at line {reader.line_num}: {what}; correct it.") from None


def _headed(
    lines: list[tuple[int, list[str]]], shown: str, header: bool | tuple[str, ...] | None
) -> tuple[list[str], list[tuple[int, list[str]]], list[str]]:
    first, notes = lines[0][1], []
    if isinstance(header, tuple):
        if len(header) != len(first) or len(set(header)) < len(header):
            raise DataError(f"header holds {len(set(header))} different names, {shown} has {len(first)} columns; name each.")
        return list(header), lines, notes
    if header is None:
        header = not any(PLAIN.fullmatch(cell) for cell in first)
        if not header:
            notes.append("the first line holds numbers, so it is a row: columns are called column_1, column_2, ...")
    if not header:
        return [f"column_{place}" for place in range(1, len(first) + 1)], lines, notes
    names, body = [name or f"column_{place}" for place, name in enumerate(first, 1)], lines[1:]
    if body and all(len(cells) == len(names) + 1 for _, cells in body):
        if any(cells[-1] for _, cells in body):
            names = ["row_name", *names]
            notes.append("lines have one cell more than the header, so the first is taken as the row's name.")
        else:
            body = [(at, cells[:-1]) for at, cells in body]
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise DataError(f"{shown} calls two columns {twice[0][:60]!r}; rename one.")
    return names, body, notes


def _even(lines: list[tuple[int, list[str]]], names: list[str], delimiter: str, shown: str) -> list[list[str]]:
    width, rows = len(names), []
    for at, cells in lines:
        if len(cells) < width or any(cells[width:]):
            what = "a tab" if delimiter == "\t" else repr(delimiter)
            raise DataError(
                f"{shown} has {len(cells)} cell{'s' * (len(cells) != 1)} in line {at}, wanted {width}; correct that line, "
                f"put quotes around cells that hold {what}, or say which sign is the delimiter."
            )
        rows.append(cells[:width])
    return rows


def _total(rows: list[list[str]]) -> str | None:
    """What the last line says where it sums up the others."""
    for place, cell in enumerate(rows[-1]):
        if cell:
            is_total = TOTALS.fullmatch(cell) and not any(row[place] == cell for row in rows[:-1])
            return cell if is_total else None
    return None


def _decimal(rows: list[list[str]], delimiter: str) -> str:
    cells = [cell for row in rows[:2000] for cell in row if cell and cell[0] in "+-0123456789.,"]
    point = any(POINT.fullmatch(cell) for cell in cells)
    comma = any(COMMA.fullmatch(cell) for cell in cells)
    if point or comma:
        return "," if comma and not point else "."
    both = any("," in cell and number(cell) == number(cell) for cell in cells)
    return "," if both and delimiter == ";" else "."
