"""The schema of a table that is not read whole: its rules see a sample of training rows, and rows that contradict it.

Kinds come from the sample. Then all training rows pass by: those that the schema so far cannot hold (a fraction among
counts, a state that is new, a second value of a column that seemed constant) join the sample, the rules are asked again, and
the rows pass by again, until nothing new contradicts. Means, spreads and ranges are those of all training rows.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from latentia.core.errors import DataError
from latentia.data.tables.cells import numbers, seen_cells, state_key
from latentia.data.tables.column import NAMED_STATES, Column
from latentia.data.tables.inferring import Inferred, infer_schema
from latentia.data.tables.schema import Schema

SAMPLE = 20_000
PASSES = 5
# Different cells of one column and slice that join the sample.
MOST_NEW = 200
CONSTANT = ("the same in every row", "every cell is missing")


class Passed(NamedTuple):
    """A schema of training rows, and what was seen of them: the share of values observed, the range of the encoded ones."""

    inferred: Inferred
    observed: float
    looked: tuple[float, float, bool]


class Tally:
    """Of one modelled column over all training rows: sums of its scaled values, its range in own units."""

    def __init__(self, column: Column) -> None:
        self.column = column
        self.n = 0
        self.sum = self.squares = 0.0
        self.low, self.high, self.whole = np.inf, -np.inf, True
        self.x_low, self.x_high, self.x_whole, self.seen = np.inf, -np.inf, True, 0

    def add(self, series: Any) -> np.ndarray:
        """Count cells (R,); True where one contradicts the column."""
        x, seen, _ = self.column.encode(series)
        odd = seen_cells(series) & ~seen
        self.seen += int(seen.sum())
        if not seen.any():
            return odd
        found = x[seen]
        self.x_low, self.x_high = min(self.x_low, found.min()), max(self.x_high, found.max())
        self.x_whole = self.x_whole and bool((found == np.floor(found)).all())
        if self.column.kind in NAMED_STATES:
            return odd
        own = numbers(series)[seen]
        self.low, self.high = min(self.low, own.min()), max(self.high, own.max())
        self.whole = self.whole and bool((own == np.floor(own)).all())
        if self.column.kind == "hurdle":
            found = found[found[:, 0] < 0.5]
        values = found[:, -1]
        self.n, self.sum, self.squares = self.n + len(values), self.sum + values.sum(), self.squares + (values**2).sum()
        return odd

    def learned(self) -> Column:
        """The column with the scale and range of all rows."""
        column = self.column
        if column.kind in NAMED_STATES or not self.seen:
            return column
        if column.kind in ("real", "positive", "hurdle") and self.n:
            mean = self.sum / self.n
            spread = float(np.sqrt(max(0.0, self.squares / self.n - mean**2)))
            shift, scale = float(column.shift + column.scale * mean), column.scale * spread
            column = replace(column, shift=shift, scale=scale if scale > 1e-12 * max(abs(shift), 1e-300) else 1.0)
        whole = column.whole and self.whole
        return replace(column, low=float(self.low), high=float(self.high), whole=whole)


def schema_in_passes(
    frames: Callable[[], Iterator[Any]], sample: Any, whole_sample: bool, kinds: Mapping[str, str], given: Schema | None
) -> Passed:
    """A schema of all training rows.

    Args:
        frames: makes a pass: frames of training rows, front to back.
        sample: a frame of some of them.
        whole_sample: these are all.
        kinds: see ``infer_schema``.
        given: a schema that is kept as it is.

    Raises:
        DataError: what ``infer_schema`` refuses; columns that never come to rest.
    """
    import pandas as pd

    for _ in range(PASSES):
        inferred = infer_schema(sample, kinds) if given is None else Inferred(given, {}, {})
        tallies = {column.name: Tally(column) for column in inferred.schema.columns}
        still = {name: _constant(sample[name]) for name, why in inferred.schema.dropped.items() if why in CONSTANT}
        empty, rows, odd = dict.fromkeys(sample.columns, 0), 0, []
        for frame in frames():
            rows += len(frame)
            new = np.zeros(len(frame), bool)
            for name in frame.columns:
                if name in tallies:
                    new |= _few(frame[name], tallies[name].add(frame[name]))
                elif name in still:
                    new |= _few(frame[name], _differs(frame[name], still[name]))
                empty[name] = empty.get(name, 0) + int((~seen_cells(frame[name])).sum())
            if new.any() and given is None and not whole_sample and not (came := frame[new]).index.isin(sample.index).all():
                odd.append(came)
        if odd:
            sample = pd.concat([sample, *odd])
            sample = sample[~sample.index.duplicated()].sort_index()
            continue
        every = list(tallies.values())
        learned = inferred.schema
        if given is None and not whole_sample:
            learned = Schema(tuple(tally.learned() for tally in every), inferred.schema.dropped)
        widths = sum(tally.column.width for tally in every)
        observed = sum(tally.seen * tally.column.width for tally in every) / max(1, rows * widths)
        low, high = min(tally.x_low for tally in every), max(tally.x_high for tally in every)
        looked = (float(low), float(high), all(tally.x_whole for tally in every))
        missing = {name: count / max(1, rows) for name, count in empty.items()}
        return Passed(Inferred(learned, inferred.reasons, missing), observed, looked)
    raise DataError(
        f"after {PASSES} passes there still are new rows that the columns' kinds do not hold; say what they are: kinds=..."
    )


def _few(series: Any, odd: np.ndarray) -> np.ndarray:
    """Of places that are True the first of each cell, and no more than ``MOST_NEW``."""
    if odd.any():
        first = ~series[odd].duplicated().to_numpy()
        odd[np.flatnonzero(odd)[~first]] = False
        odd[np.flatnonzero(odd)[MOST_NEW:]] = False
    return odd


def _constant(series: Any) -> str | None:
    """The one state of a column; None where it is empty."""
    seen = seen_cells(series)
    return state_key(series[seen].iloc[0]) if seen.any() else None


def _differs(series: Any, state: str | None) -> np.ndarray:
    seen = seen_cells(series)
    if state is None or not seen.any():
        return seen
    distinct = {value: state_key(value) != state for value in series[seen].unique()}
    return seen & series.map(lambda value: distinct.get(value, False)).to_numpy(dtype=bool)
