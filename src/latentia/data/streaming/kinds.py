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
from latentia.data.streaming.encoding import Encoder
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


class Part(NamedTuple):
    """Training rows of a stretch of a file: an Arrow table (R rows), and their numbers (R,) in the file."""

    table: Any
    numbers: np.ndarray

    def frame(self, which: Any = None) -> Any:
        """All or some rows as a frame, numbered."""
        table, numbers = (self.table, self.numbers) if which is None else (self.table.filter(which), self.numbers[which])
        return table.to_pandas().set_axis(numbers, axis=0)


class Tally:
    """Of one modelled column over all training rows: sums of its scaled values, its range in own units."""

    def __init__(self, column: Column) -> None:
        self.column = column
        self.n = self.seen = 0
        self.sum = self.squares = 0.0
        self.low, self.high, self.whole = np.inf, -np.inf, True
        self.x_low, self.x_high, self.x_whole = np.inf, -np.inf, True

    def add(self, series: Any) -> np.ndarray:
        """Count cells (R,); True where one contradicts the column."""
        x, seen, _ = self.column.encode(series)
        odd = seen_cells(series) & ~seen
        if seen.any():
            self._note(x[seen], None if self.column.kind in NAMED_STATES else numbers(series)[seen])
        return odd

    def add_numbers(self, cells: np.ndarray, values: np.ndarray) -> np.ndarray:
        """As ``add``, of numbers (R,) and what they are encoded as, NaN where there is none."""
        seen = ~np.isnan(values)
        if seen.all():
            self._note(values[:, None], cells)
            return ~seen
        if seen.any():
            self._note(values[seen, None], cells[seen])
        return ~seen & ~np.isnan(cells)

    def _note(self, x: np.ndarray, own: np.ndarray | None) -> None:
        """Values (R, width) that were seen, and their cells (R,) where those are numbers."""
        self.seen += len(x)
        self.x_low, self.x_high = min(self.x_low, float(x.min())), max(self.x_high, float(x.max()))
        self.x_whole = self.x_whole and bool((x == np.floor(x)).all())
        if own is None or self.column.kind in NAMED_STATES:
            return
        self.low, self.high = min(self.low, float(own.min())), max(self.high, float(own.max()))
        self.whole = self.whole and bool((own == np.floor(own)).all())
        values = x[x[:, 0] < 0.5, -1] if self.column.kind == "hurdle" else x[:, -1]
        self.n, self.sum = self.n + len(values), self.sum + float(values.sum())
        self.squares += float(np.dot(values, values))

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
    parts: Callable[[], Iterator[Part]], sample: Any, whole_sample: bool, kinds: Mapping[str, str], given: Schema | None
) -> Passed:
    """A schema of all training rows.

    Args:
        parts: makes a pass: all training rows, front to back.
        sample: a frame of some of them.
        whole_sample: these are all.
        kinds: see ``infer_schema``.
        given: a schema that is kept as it is.

    Raises:
        DataError: what ``infer_schema`` refuses; columns that never come to rest.
    """
    import pandas as pd

    may_change = given is None and not whole_sample
    for _ in range(PASSES):
        inferred = infer_schema(sample, kinds) if given is None else Inferred(given, {}, {})
        passing = Pass(inferred.schema, sample)
        odd = []
        for part in parts():
            new = passing.add(part)
            if may_change and new.any() and not np.isin(part.numbers[new], sample.index).all():
                odd.append(part.frame(new))
        if odd:
            sample = pd.concat([sample, *odd])
            sample = sample[~sample.index.duplicated()].sort_index()
            continue
        return passing.passed(inferred, learned=may_change)
    raise DataError(
        f"after {PASSES} passes there still are new rows that the columns' kinds do not hold; say what they are: kinds=..."
    )


class Pass:
    """One pass of training rows before a schema.

    Args:
        schema: which may not hold them all.
        sample: the rows that it came from.
    """

    def __init__(self, schema: Schema, sample: Any) -> None:
        self._encoder, self._tallies = Encoder(schema), [Tally(column) for column in schema.columns]
        dropped = schema.dropped.items()
        self._still = {name: _constant(sample[name]) for name, why in dropped if why in CONSTANT and name in sample}
        self._rows, self._empty = 0, dict.fromkeys(sample.columns, 0)

    def add(self, part: Part) -> np.ndarray:
        """Count rows; True for those that contradict the schema, as many as say something new."""
        self._rows += len(part.numbers)
        new, frame = np.zeros(len(part.numbers), bool), None
        known: set[str] = set()
        for which, cells, values in self._encoder.plain(part.table):
            for at, one in enumerate(which):
                tally = self._tallies[one]
                odd = tally.add_numbers(cells[at], values[at])
                self._empty[tally.column.name] += int(np.isnan(cells[at]).sum())
                known.add(tally.column.name)
                if odd.any():
                    new |= _few(cells[at], odd)
        rest = [name for name in self._empty if name not in known]
        frame = part.table.select(rest).to_pandas() if rest else None
        modelled = {tally.column.name: tally for tally in self._tallies}
        for name in rest:
            assert frame is not None
            series = frame[name]
            self._empty[name] += int((~seen_cells(series)).sum())
            if name in modelled:
                new |= _few(series, modelled[name].add(series))
            elif name in self._still:
                new |= _few(series, _differs(series, self._still[name]))
        return new

    def passed(self, inferred: Inferred, learned: bool) -> Passed:
        """What is known in the end; ``learned``: scales and ranges are those of the rows that passed."""
        every, rows = self._tallies, max(1, self._rows)
        schema = Schema(tuple(t.learned() for t in every), inferred.schema.dropped) if learned else inferred.schema
        widths = sum(tally.column.width for tally in every)
        observed = sum(tally.seen * tally.column.width for tally in every) / (rows * widths)
        low, high = min(tally.x_low for tally in every), max(tally.x_high for tally in every)
        missing = {name: count / rows for name, count in self._empty.items()}
        looked = (low, high, all(tally.x_whole for tally in every))
        return Passed(Inferred(schema, inferred.reasons, missing), observed, looked)


def _few(cells: Any, odd: np.ndarray) -> np.ndarray:
    """Of places that are True the first of each cell, and no more than ``MOST_NEW``."""
    import pandas as pd

    if odd.any():
        first = ~np.asarray(pd.Series(cells[odd]).duplicated())
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
