"""What the cells of one column hold: numbers, dates, states, or nothing."""

import datetime
import math
import re
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

MISSING = ("", "?", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "-", "--", ".")
"""Texts that say that a cell holds nothing, in lower case; blanks around them do not count."""
NANOSECONDS_A_DAY = 86_400 * 10**9
CODE = re.compile(r"0\d+")
"""00123 is a code and no number."""
PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
THOUSANDS = {
    ".": re.compile(r"[+-]?\d{1,3}([,'\u2019 \u00a0\u202f]\d{3})+(\.\d*)?"),
    ",": re.compile(r"[+-]?(\d{1,3}([.'\u2019 \u00a0\u202f]\d{3})+|\d+)(,\d*)?([eE][+-]?\d{1,3})?"),
}
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?")
OTHER_DATE = re.compile(r"\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}( \d{1,2}:\d{2}(:\d{2})?)?")


def seen_cells(series: "pd.Series", missing: tuple[str, ...] = MISSING) -> np.ndarray:
    """(N,) True where a cell holds something."""
    import pandas as pd

    seen = series.notna().to_numpy(dtype=bool, copy=True)
    if is_text(series):
        codes, distinct = pd.factorize(series.astype(object), use_na_sentinel=True)
        empty = np.array([isinstance(v, str) and v.strip().casefold() in missing for v in distinct] + [True])
        seen &= ~empty[codes]
    return seen


def is_text(series: "pd.Series") -> bool:
    """Whether cells may hold text: columns of objects, strings, and categories of those."""
    import pandas as pd

    if isinstance(series.dtype, pd.CategoricalDtype):
        return not pd.api.types.is_numeric_dtype(series.dtype.categories.dtype)
    return pd.api.types.is_object_dtype(series.dtype) or isinstance(series.dtype, pd.StringDtype) or _is_arrow_text(series)


def is_date(series: "pd.Series") -> bool:
    """Whether the column's type is a date, a time stamp or a duration."""
    import pandas as pd

    kinds = pd.api.types
    return kinds.is_datetime64_any_dtype(series.dtype) or kinds.is_timedelta64_dtype(series.dtype)


def numbers(series: "pd.Series", decimal: str = ".") -> np.ndarray:
    """(N,) float64: the number in each cell, dates and durations in days, NaN where there is none.

    Text is read as a number, with separators of thousands, or as an ISO date (days since 1970-01-01).
    """
    import pandas as pd

    if is_date(series):
        return _days(series)
    if not is_text(series):
        return _floats(series)
    codes, distinct = pd.factorize(series.astype(object), use_na_sentinel=True)
    read = np.array([number(value, decimal) for value in distinct] + [math.nan])
    return read[codes]


def number(value: Any, decimal: str = ".") -> float:
    """The number that one cell holds; NaN where it holds none.

    >>> number(" 1,234.5 "), number("1.234,5", ","), number("2020-01-02"), number("abc")
    (1234.5, 1234.5, 18263.0, nan)
    """
    try:
        if isinstance(value, str):
            return _number_in(value.strip(), decimal)
        if isinstance(value, datetime.date | datetime.datetime | np.datetime64):
            return day(value)
        if isinstance(value, datetime.timedelta | np.timedelta64):
            return float(np.timedelta64(value, "ns") / np.timedelta64(1, "D"))
        if isinstance(value, int | float | Decimal | np.number | np.bool_):
            return float(value)
    except (ValueError, OverflowError, TypeError):
        pass
    return math.nan


def day(value: Any) -> float:
    """Days since 1970-01-01 (UTC) of a date, a time stamp or an ISO text.

    Raises:
        ValueError: no such day.
    """
    import pandas as pd

    stamp: Any = pd.Timestamp(value)
    stamp = stamp.tz_convert("UTC").tz_localize(None) if stamp.tzinfo else stamp
    since = stamp - pd.Timestamp(0)
    return since.days + (since - pd.Timedelta(days=since.days)) / pd.Timedelta(days=1)


def state_key(value: Any) -> str:
    """The text by which a state is known again, whichever type a file or a library gave it.

    >>> state_key(1), state_key(1.0), state_key(" 1 "), state_key("01"), state_key(True)
    ('1', '1', '1', '01', 'true')
    """
    if isinstance(value, str):
        text = value.strip()
        return text.lower() if text.lower() in ("true", "false") else text
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        return str(int(value)) if float(value).is_integer() else repr(float(value))
    return str(value).strip()


def plain(value: Any) -> str | int | float | bool:
    """A state as JSON can hold it."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value)
    return str(value).strip()


@cache
def _grouping(decimal: str) -> re.Pattern[str]:
    return re.compile("[,'\u2019 \u00a0\u202f]" if decimal == "." else "[.'\u2019 \u00a0\u202f]")


def _number_in(text: str, decimal: str) -> float:
    text = text.replace("\u2212", "-")
    if not text.isascii() and any(c.isdigit() and not c.isascii() for c in text):
        return math.nan
    # Only one reading is tried for each cell, so that 1.234 never means two things in one column.
    if decimal == "." and PLAIN.fullmatch(text):
        return float(text)
    if THOUSANDS[decimal].fullmatch(text):
        return float(_grouping(decimal).sub("", text).replace(",", "."))
    if decimal == "," and PLAIN.fullmatch(text) and "." not in text:
        return float(text)
    return day(text) if ISO_DATE.fullmatch(text) else math.nan


def _floats(series: "pd.Series") -> np.ndarray:
    import pandas as pd

    try:
        return series.to_numpy(dtype=float, na_value=np.nan, copy=True)
    except (TypeError, ValueError):
        read: Any = pd.to_numeric(series.astype(object), errors="coerce")
        return read.to_numpy(dtype=float, na_value=np.nan, copy=True)


def _days(series: "pd.Series") -> np.ndarray:
    import pandas as pd

    if pd.api.types.is_timedelta64_dtype(series.dtype):
        return (series / pd.Timedelta(days=1)).to_numpy(dtype=float, na_value=np.nan)
    stamps = series.dt.tz_convert("UTC").dt.tz_localize(None) if getattr(series.dt, "tz", None) is not None else series
    return ((stamps - pd.Timestamp(0)) / pd.Timedelta(days=1)).to_numpy(dtype=float, na_value=np.nan)


def _is_arrow_text(series: "pd.Series") -> bool:
    name = str(series.dtype)
    return name.startswith(("string[", "large_string[", "dictionary<"))
