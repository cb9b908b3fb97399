"""Arrow tables to rows of values by a schema: columns of numbers many at a time, the others through the schema itself."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from latentia.data.tables.column import LARGEST, Column
from latentia.data.tables.schema import Schema

# Columns that are brought at once, so that they stay in the processor's cache.
AT_ONCE = 64
PLAIN = ("real", "positive", "proportion", "count", "binary")


class Encoder:
    """``Schema.encode`` for Arrow tables, NaN where a cell is missing: the same numbers, sooner.

    Args:
        schema: by which cells become values.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._quick: dict[Any, tuple[dict[str, list[int]], list[int]]] = {}

    def encode(self, table: Any, out: np.ndarray) -> None:
        """Rows of a table into ``out`` (R, n_values) float32."""
        columns, places = self.schema.columns, self.schema.places
        for some, _, values in self.plain(table):
            first, last = places[some[0]].start, places[some[-1]].stop
            where: Any = slice(first, last) if last - first == len(some) else [places[one].start for one in some]
            out[:, where] = values.T
        if others := self.others(table):
            rest = Schema(tuple(columns[one] for one in others))
            there = [column.name for column in rest.columns if column.name in table.column_names]
            encoded = rest.encode(table.select(there).to_pandas()) if there else None
            for at, one in zip(rest.places, others, strict=True):
                out[:, places[one]] = np.nan
                if encoded is not None:
                    out[:, places[one]] = np.where(encoded.mask[:, at], encoded.x[:, at], np.nan)

    def plain(self, table: Any) -> Iterator[tuple[list[int], np.ndarray, np.ndarray]]:
        """(which columns, cells (C, R), values (C, R)) of columns of numbers, NaN where there is none; some at a time."""
        columns = self.schema.columns
        for kind, which in self._sorted(table.schema)[0].items():
            for start in range(0, len(which), AT_ONCE):
                some = which[start : start + AT_ONCE]
                cells = np.empty((len(some), len(table)))
                for at, one in enumerate(some):
                    cells[at] = _floats(table.column(columns[one].name))
                yield some, cells, _values(kind, [columns[one] for one in some], cells)

    def others(self, table: Any) -> list[int]:
        """The other columns."""
        return self._sorted(table.schema)[1]

    def _sorted(self, arrow: Any) -> tuple[dict[str, list[int]], list[int]]:
        """Columns that may go many at a time, by kind; and the others."""
        if arrow not in self._quick:
            plain: dict[str, list[int]] = {}
            others = []
            for place, column in enumerate(self.schema.columns):
                at = arrow.get_field_index(column.name)
                fits = at >= 0 and column.kind in PLAIN and _is_plain(arrow.field(at).type, column)
                (plain.setdefault(column.kind, []) if fits else others).append(place)
            self._quick[arrow] = plain, others
        return self._quick[arrow]


def _is_plain(kind: Any, column: Column) -> bool:
    import pyarrow as pa

    number = pa.types.is_integer(kind) or pa.types.is_float32(kind) or pa.types.is_float64(kind)
    if column.kind != "binary":
        return number
    bits = all(isinstance(state, bool) for state in column.states)
    return pa.types.is_boolean(kind) if bits else number and not any(isinstance(s, str | bool) for s in column.states)


def _floats(cells: Any) -> np.ndarray:
    if cells.null_count:
        import pyarrow as pa

        return cells.cast(pa.float64(), safe=False).to_numpy()  # NaN where there is none
    return cells.to_numpy()


def _values(kind: str, columns: list[Column], cells: np.ndarray) -> np.ndarray:
    """Cells (C, R) of columns of one kind -> values, as ``Column.encode`` scales them."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        if kind == "binary":
            low, high = (np.array([float(c.states[at]) for c in columns])[:, None] for at in (0, 1))
            return np.where(cells == low, 0.0, np.where(cells == high, 1.0, np.nan))
        fits = np.isfinite(cells)
        if kind == "positive":
            fits &= cells > 0
        elif kind == "proportion":
            fits &= (cells >= 0) & (cells <= 1)
        elif kind == "count":
            fits &= (cells >= 0) & (cells == np.floor(cells))
        x = np.log(np.where(fits, cells, 1.0)) if kind == "positive" else cells
        if kind != "count":
            x = (x - np.array([c.shift for c in columns])[:, None]) / np.array([c.scale for c in columns])[:, None]
        fits &= np.abs(x) < LARGEST
        return np.where(fits, x, np.nan)
