"""Which kind each column of a table is, by rules that are stated and can be overruled, and the scales of training rows.

The rules, in this order, over the cells that hold something:

1. a column that is empty, or the same in every row, is left out; so are numbers that count the rows from first to last
   (20 rows or more), and words that are different in every row (likewise: they are ids)
2. two states (booleans, two words, two whole numbers): ``binary``
3. categories of pandas, words, and codes such as 00123: ``category``; refused where they look like free text (more than 20
   different ones, in more than half of the cells, or more than 1,000)
4. dates (of a date type, or text such as 2020-12-31): ``real``, as days since 1970
5. numbers of which one is the value of 30 % of the cells, five times as often as the next, beside ten others: ``hurdle``;
   but not whole numbers from 0 where 1 is the next
6. whole numbers from 0, up to a million: ``count``
7. fractions within 0 to 1, ten different ones: ``proportion``
8. numbers above 0 of which a log-normal is likelier than a normal, by 0.05 nats a cell: ``positive``
9. other numbers: ``real``
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latentia.core.errors import DataError, nearest
from latentia.data.tables.cells import CODE, ISO_DATE, is_date, is_text, numbers, seen_cells
from latentia.data.tables.column import KINDS, NAMED_STATES, Column, Kind
from latentia.data.tables.dtypes import dtype_name
from latentia.data.tables.frames import as_frame
from latentia.data.tables.schema import Schema
from latentia.data.tables.states import Leave, all_boolean, categorical, named_column, share, states_of

if TYPE_CHECKING:
    from rich.table import Table

DROP = "drop"
FEW_ROWS, FEW_VALUES = 20, 10
SPIKE_SHARE, SPIKE_LEAD, LOG_GAIN, LARGEST_COUNT = 0.3, 5, 0.05, 1_000_000
LIKELIHOODS = {
    "real": "normal",
    "positive": "log-normal",
    "proportion": "beta",
    "binary": "Bernoulli",
    "category": "categorical",
    "count": "negative binomial",
    "hurdle": "a spike, else normal",
}


@dataclass(frozen=True)
class Inferred:
    """A schema, and why it is so.

    Attributes:
        schema: the columns.
        reasons: a clause for each column of the frame, modelled or not.
        missing: the share of empty cells of each.
    """

    schema: Schema
    reasons: Mapping[str, str]
    missing: Mapping[str, float]

    def table(self) -> "Table":
        """One line a column: kind, likelihood, why, missing share."""
        from rich.table import Table
        from rich.text import Text

        table = Table("column", "kind", "likelihood", "because", "missing", box=None, pad_edge=False)
        modelled = {column.name: column for column in self.schema.columns}
        for name, why in self.reasons.items():
            column = modelled.get(name)
            kind, likelihood = (column.kind, LIKELIHOODS[column.kind]) if column else ("left out", "")
            missing = self.missing.get(name, 0.0)
            # Not markup, whatever a header or a state looks like.
            cells = (Text(name), kind, likelihood, Text(why), f"{missing:.1%}" if missing else "")
            table.add_row(*cells)
        return table


def infer_schema(frame: Any, kinds: Mapping[str, str] | None = None) -> Inferred:
    """The kinds of a table's columns, by the rules above, and their scales, from the training rows.

    Args:
        frame: training rows alone, so that nothing of the others enters the scales.
        kinds: {column: one of ``KINDS``, or "drop"}, in place of the rules.

    Raises:
        DataError: an unknown column or kind; a column that no rule takes, with what to do about it.
    """
    table, kinds = as_frame(frame), dict(kinds or {})
    check_kinds(kinds, list(table.columns))
    if len(table) < 2:
        few = "one row" if len(table) else "no row"
        raise DataError(f"{few} is left to learn the columns from, wanted at least two; give more, or train a larger share.")
    columns, dropped, reasons, missing = [], {}, {}, {}
    for name in table.columns:
        series: Any = table[name]
        seen = seen_cells(series)
        missing[name] = 1 - float(seen.mean())
        try:
            if kinds.get(name) == DROP:
                raise Leave("as asked")
            column, reasons[name] = _column(name, series, seen, kinds.get(name))
            columns.append(column)
        except Leave as why:
            if name in kinds and kinds[name] != DROP:
                raise DataError(f"column {name!r} cannot be {kinds[name]!r}: {why}; use 'drop'.") from None
            reasons[name] = dropped[name] = str(why)
    if not columns:
        left = "; ".join(f"{name!r}: {why}" for name, why in list(dropped.items())[:3])
        raise DataError(f"no column is left to model ({left}); give a table with columns that vary.")
    return Inferred(Schema(tuple(columns), dropped), reasons, missing)


def check_kinds(kinds: Mapping[str, str], names: list[str]) -> None:
    """Refuse a kind of a column that is not there, or that is none.

    Raises:
        DataError: with the nearest name.
    """
    for name, kind in kinds.items():
        if name not in names:
            raise DataError(f"kinds names a column {name!r}, which is not there; {nearest(name, names)}")
        if kind not in (*KINDS, DROP):
            raise DataError(f"kinds says {kind!r} of column {name!r}; {nearest(str(kind), [*KINDS, DROP])}")


def _column(name: str, series: Any, seen: np.ndarray, kind: str | None) -> tuple[Column, str]:
    if not seen.any():
        raise Leave("every cell is missing")
    dtype = dtype_name(name, series)
    cells = series[seen]
    values = numbers(cells)
    if np.isinf(values).any():
        raise DataError(
            f"column {name!r} is infinite in {int(np.isinf(values).sum())} of {len(series)} cells (first in row "
            f"{cells.index[int(np.isinf(values).argmax())]}); correct them, or leave them empty."
        )
    # Numbers that are many need no list of states, which takes longer than all the rest.
    many = kind not in NAMED_STATES and not (is_text(series) or categorical(series)) and len(np.unique(values)) > 2
    states = () if many else states_of(cells)
    if len(states) == 1:
        raise Leave("the same in every row")
    coded = not many and kind is None and is_text(series) and any(isinstance(s, str) and CODE.fullmatch(s) for s in states)
    numeric = many or not (np.isnan(values).any() or categorical(series) or all_boolean(states) or coded)
    if kind in NAMED_STATES or (kind is None and (not numeric or _two_whole(values, series))):
        return named_column(name, dtype, cells, states, values, kind, FEW_ROWS)
    if kind is None and _counts_rows(values, seen):
        raise Leave("it counts the rows")
    values = values[np.isfinite(values)]
    if len(np.unique(values)) < 2:
        raise DataError(f"column {name!r} cannot be {kind!r}: its cells hold no two different numbers; use 'drop'.")
    dates = is_date(series) or (is_text(series) and share(cells, ISO_DATE) > 0.5)
    if is_text(series) or "category" in dtype:
        whole = bool((values == np.floor(values)).all())
        dtype = "datetime64[ns]" if dates else "float64" if not whole else "int64" if seen.all() else "Int64"
    return _numeric(name, dtype, values, kind, dates)


def _numeric(name: str, dtype: str, v: np.ndarray, kind: str | None, dates: bool) -> tuple[Column, str]:
    distinct, times = np.unique(v, return_counts=True)
    whole = bool((v == np.floor(v)).all())
    spike = float(distinct[times.argmax()])
    why = "as asked"
    if kind is None:
        kind, why = ("real", "dates, in days since 1970") if dates else _kind(v, distinct, times, whole)
    low, high = float(v.min()), float(v.max())
    wanted = {
        "positive": (low > 0, "is above 0"),
        "proportion": (low >= 0 and high <= 1, "lies in 0 to 1"),
        "count": (low >= 0 and whole, "is a whole number from 0"),
    }
    fits, what = wanted.get(kind, (True, ""))
    if not fits:
        raise DataError(f"column {name!r} cannot be {kind!r}: not every cell {what} ({low:g} to {high:g}); use 'real'.")
    shift, scale = _scale(name, kind, v if kind != "hurdle" else v[v != spike])
    at = spike if kind == "hurdle" else None
    return Column(name, _as_kind(kind), dtype, (), shift, scale, at, low, high, whole and kind != "proportion"), why


def _kind(v: np.ndarray, distinct: np.ndarray, times: np.ndarray, whole: bool) -> tuple[str, str]:
    order = np.argsort(-times, kind="stable")
    spike, next_ = distinct[order[0]], distinct[order[1]]
    part = times[order[0]] / len(v)
    of_counts = whole and spike == 0 and next_ == 1
    leads = times[order[0]] >= SPIKE_LEAD * times[order[1]]
    if part >= SPIKE_SHARE and leads and len(distinct) > FEW_VALUES and not of_counts:
        return "hurdle", f"{spike:g} in {part:.0%} of the cells"
    low, high = distinct[0], distinct[-1]
    if whole and low == 0 and high <= LARGEST_COUNT:
        return "count", f"whole numbers from 0 to {high:g}"
    if not whole and low >= 0 and high <= 1 and len(distinct) >= FEW_VALUES:
        return "proportion", f"fractions from {low:g} to {high:g}"
    of_what = "whole numbers" if whole else "numbers"
    if low > 0 and _log_gain(v) > LOG_GAIN:
        return "positive", f"{of_what} from {low:g} to {high:g}, skewed"
    return "real", f"{of_what} from {low:g} to {high:g}"


def _log_gain(v: np.ndarray) -> float:
    """Nats a cell by which a log-normal is likelier than a normal, each at its own mean and spread."""
    logs = np.log(v)
    with np.errstate(over="ignore", invalid="ignore"):
        spread = v.std()
    return float(np.log(spread) - np.log(logs.std()) - logs.mean()) if logs.std() else 0.0


def _scale(name: str, kind: str, v: np.ndarray) -> tuple[float, float]:
    if kind == "count":
        return 0.0, 1.0
    if kind == "proportion":
        # Smithson & Verkuilen (2006): (v (n - 1) + 1/2) / n, with an n that neither bends few rows nor ends at 1 in float32.
        n = min(max(len(v), 100), 10_000)
        return -0.5 / (n - 1), n / (n - 1)
    values = np.log(v) if kind == "positive" else v
    with np.errstate(over="ignore", invalid="ignore"):
        mean, spread = float(values.mean()), float(values.std())
    if not (math.isfinite(mean) and math.isfinite(spread)):
        raise DataError(
            f"column {name!r} holds numbers up to {np.abs(v).max():.3g}, too large to scale; rescale or drop it."
        )
    # What is the same in every row has a spread of rounding errors at most.
    return mean, spread if spread > 1e-12 * max(abs(mean), 1e-300) else 1.0


def _as_kind(kind: str) -> Kind:
    return next(known for known in Kind.__args__ if known == kind)


def _two_whole(values: np.ndarray, series: Any) -> bool:
    distinct = np.unique(values)
    return len(distinct) == 2 and bool((distinct == np.floor(distinct)).all()) and not is_date(series)


def _counts_rows(values: np.ndarray, seen: np.ndarray) -> bool:
    n = len(values)
    every = seen.all() and n >= FEW_ROWS and values.max() - values.min() == n - 1
    return bool(every and (np.diff(np.sort(values)) == 1).all())
