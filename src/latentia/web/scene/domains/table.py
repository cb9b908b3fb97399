"""Tables: the rules by which cells and values become each other, for a program in another language; and the rows' cells."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from latentia.data import Column, Schema
from latentia.runs import schema_of
from latentia.web.scene.domains.base import Domain, Material

ROWS = "rows.json"
MOST_CELLS = 2_000_000
NAMED = ("binary", "category")


class TableDomain(Domain):
    """Rows of a table.

    Args:
        schema: its columns.
        n_rows: that will be added, at most.
        folder: where files go.
    """

    def __init__(self, schema: Schema, n_rows: int, folder: Path) -> None:
        self.schema, self.folder = schema, folder
        self.told = 0 < n_rows * len(schema.columns) <= MOST_CELLS
        self.cells: list[list[Any]] = [[] for _ in schema.columns]

    @classmethod
    def of(cls, given: Material) -> Domain | None:
        schema = schema_of(given.run)
        return None if schema is None else cls(schema, given.n_rows, given.folder)

    def add(self, values: Tensor, mask: Tensor | None) -> None:
        if not self.told:
            return
        rows = values.double().numpy()
        seen = np.ones(rows.shape, bool) if mask is None else mask.cpu().numpy()
        for cells, column, at in zip(self.cells, self.schema.columns, self.schema.places, strict=True):
            cells += cells_of(column, rows[:, at], np.asarray(seen[:, at].all(1)))

    def close(self) -> dict[str, Any]:
        if self.told:
            text = json.dumps({"columns": self.cells}, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            (self.folder / ROWS).write_text(text, encoding="utf-8")
        places = zip(self.schema.columns, self.schema.places, strict=True)
        return {
            "columns": [rule(column, at.start) for column, at in places],
            "table_rows": ROWS if self.told else None,
        }


def rule(column: Column, at: int) -> dict[str, Any]:
    """All that is needed to make a column's cells of a row's values, and back; ``at`` is the place of its first value."""
    return {
        "name": column.name,
        "kind": column.kind,
        "dtype": column.dtype,
        "at": at,
        "width": column.width,
        "shift": column.shift,
        "scale": column.scale,
        "spike": column.spike,
        "low": column.low,
        "high": column.high,
        "whole": _is_whole(column),
        "states": list(column.states),
        "keys": list(column.keys),
        "reads": _reads(column),
    }


def cells_of(column: Column, values: np.ndarray, seen: np.ndarray) -> list[int | float | None]:
    """Values (N, width) as plain numbers: own units, dates in days since 1970, of states the place; None where unseen."""
    if column.kind in NAMED:
        codes = values.argmax(1) if column.kind == "category" else (values[:, 0] >= 0.5).astype(int)
        numbers = codes.tolist()
    else:
        plain = replace(column, dtype="float64", whole=_is_whole(column))
        numbers = plain.decode(values, np.ones(len(values), bool)).tolist()
    return [_plain(number) if there else None for number, there in zip(numbers, seen.tolist(), strict=True)]


def _is_whole(column: Column) -> bool:
    return column.whole or column.dtype.lower().removeprefix("u").startswith("int")


def _plain(number: float) -> int | float | None:
    if number != number or number in (np.inf, -np.inf):
        return None
    return int(number) if float(number).is_integer() and abs(number) < 2**53 else number


def _reads(column: Column) -> str:
    if column.kind in NAMED:
        return "state"
    if column.dtype.startswith("datetime64"):
        return "date" if column.whole else "stamp"
    return "duration" if column.dtype.startswith("timedelta64") else "number"
