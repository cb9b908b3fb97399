"""A table's columns side by side: frames to rows of values, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from latentia.core.errors import DataError, nearest
from latentia.data.tables.column import MOST_STATES, Column
from latentia.data.tables.frames import as_frame

if TYPE_CHECKING:
    import pandas as pd


# What a file that was written by someone else may ask for.
MOST_COLUMNS = 100_000


class Encoded(NamedTuple):
    """x (N, n_values) float, mask (N, n_values) True where seen, and sentences about what could not be read."""

    x: Tensor
    mask: Tensor
    notes: list[str]


@dataclass(frozen=True)
class Schema:
    """Columns side by side: a row of a table is one vector, each column ``width`` values of it, in order.

    ``latentia.data.infer_schema`` makes one from training rows.

    Attributes:
        columns: those that are modelled.
        dropped: columns that are left out, and why.
    """

    columns: tuple[Column, ...]
    dropped: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(self.columns))
        names = [column.name for column in self.columns]
        if not names:
            raise DataError("a schema needs at least one column; every one was left out.")
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise DataError(f"two columns are called {twice!r}; rename one.")

    @property
    def n_values(self) -> int:
        """Length of a row's vector."""
        return sum(self.widths)

    @property
    def widths(self) -> tuple[int, ...]:
        """Values that each column takes."""
        return tuple(column.width for column in self.columns)

    @property
    def places(self) -> tuple[slice, ...]:
        """Where each column's values stand in a row."""
        ends = np.cumsum((0, *self.widths)).tolist()
        return tuple(slice(start, end) for start, end in pairwise(ends))

    @property
    def value_names(self) -> tuple[str, ...]:
        """A name for each value of a row."""
        return tuple(name for column in self.columns for name in column.value_names)

    def encode(self, frame: Any) -> Encoded:
        """Rows of a frame as values. What is missing, unseen or unreadable is masked and zero, and never refused.

        A column that the frame lacks is missing in every row; one that the schema lacks is ignored. Both are noted.

        Raises:
            DataError: not a frame, or one without rows.
        """
        table = as_frame(frame)
        if not len(table):
            raise DataError("the table has no rows; give at least one.")
        known = {column.name for column in self.columns} | set(self.dropped)
        notes = [f"{name!r} is no column of the schema; it is ignored." for name in table.columns if name not in known]
        xs, seens = [], []
        for column in self.columns:
            cells: Any = table.get(column.name)
            if cells is None:
                x, seen = np.zeros((len(table), column.width)), np.zeros(len(table), bool)
                notes.append(f"there is no column {column.name!r}; it is taken as missing in every row.")
            else:
                x, seen, more = column.encode(cells)
                notes += more
            xs.append(x)
            seens.append(np.repeat(seen[:, None], column.width, 1))
        values = torch.from_numpy(np.concatenate(xs, 1).astype(np.float32))
        return Encoded(values, torch.from_numpy(np.concatenate(seens, 1)), notes)

    def decode(self, x: Any, mask: Any = None) -> "pd.DataFrame":
        """Values (N, n_values) as a frame of the columns, in their order and dtypes.

        Args:
            x: rows, such as ``encode`` gives or a model draws; of chances of states the likeliest is taken.
            mask: True where there is a value; other cells come out as missing.

        Raises:
            DataError: rows of another length.
        """
        import pandas as pd

        rows = self._rows(x)
        seen = np.ones(rows.shape, bool) if mask is None else np.asarray(mask, dtype=bool)
        if seen.shape != rows.shape:
            raise DataError(f"mask has shape {seen.shape}, wanted {rows.shape} as x.")
        cells = [
            c.decode(rows[:, at], np.asarray(seen[:, at].all(1))) for c, at in zip(self.columns, self.places, strict=True)
        ]
        return pd.concat(cells, axis=1)

    def log_slopes(self, x: Any) -> Tensor:
        """log |d x / d own unit| of values (N, n_values): (N, n_columns).

        A log-density of a column's scaled value plus this is one in nats of the column's own unit (dates: days).
        """
        rows = self._rows(x)
        slopes = [c.log_slope(rows[:, at]) for c, at in zip(self.columns, self.places, strict=True)]
        return torch.from_numpy(np.stack(slopes, 1).astype(np.float32))

    def to_dict(self) -> dict[str, Any]:
        """What JSON holds: {"columns": [...], "dropped": {...}}; defaults are left out."""
        plain = {f.name: f.default for f in fields(Column)}
        columns = []
        for column in self.columns:
            entries = {**asdict(column), "states": list(column.states)}
            columns.append({k: v for k, v in entries.items() if v != plain[k] and not (k == "states" and not v)})
        return {"columns": columns, "dropped": dict(self.dropped)}

    @classmethod
    def from_dict(cls, values: Any) -> "Schema":
        """The schema that ``to_dict`` wrote.

        Raises:
            DataError: it is not of that form.
        """
        columns = values.get("columns") if isinstance(values, Mapping) else None
        dropped = values.get("dropped", {}) if isinstance(values, Mapping) else {}
        if not isinstance(columns, Sequence) or not 1 <= len(columns) <= MOST_COLUMNS or not _of_texts(dropped):
            raise DataError('a schema is {"columns": [{"name": ..., "kind": ...}, ...], "dropped": {name: why}}.')
        return cls(tuple(_column(entry) for entry in columns), dict(dropped))

    def _rows(self, x: Any) -> np.ndarray:
        rows = np.asarray(x.detach().cpu() if isinstance(x, Tensor) else x, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != self.n_values:
            raise DataError(f"rows have shape {rows.shape}, wanted (N, {self.n_values}), a value for each of the schema's.")
        return rows


def _of_texts(values: Any) -> bool:
    return isinstance(values, Mapping) and all(isinstance(t, str) for pair in values.items() for t in pair)


_TYPES: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "kind": (str,),
    "dtype": (str,),
    "shift": (int, float),
    "scale": (int, float),
    "spike": (int, float, type(None)),
    "low": (int, float, type(None)),
    "high": (int, float, type(None)),
    "whole": (bool,),
}


def _column(entry: Any) -> Column:
    if not isinstance(entry, Mapping) or not {"name", "kind"} <= set(entry):
        raise DataError('a column of a schema wants at least {"name": ..., "kind": ...}.')
    for key, value in entry.items():
        if key == "states":
            fine = isinstance(value, list | tuple) and len(value) <= MOST_STATES
            fine = fine and all(isinstance(state, str | int | float | bool) for state in value)
        elif key not in _TYPES:
            raise DataError(f"a column of a schema has no {key!r}; {nearest(str(key), [*_TYPES, 'states'])}")
        else:
            fine = isinstance(value, _TYPES[key]) and (isinstance(value, bool) == (key == "whole"))
        if not fine:
            raise DataError(f"column {entry['name']!r} of the schema has a wrong {key} ({type(value).__name__}).")
    return Column(**{**entry, "states": tuple(entry.get("states", ()))})
