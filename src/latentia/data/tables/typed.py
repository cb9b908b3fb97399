"""Columns of text as typed columns: whole numbers, numbers, truth values, dates, else text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from latentia.data.tables.cells import CODE, ISO_DATE, PLAIN, number

if TYPE_CHECKING:
    import pandas as pd

LARGEST_WHOLE = 2.0**53
WORDS = {"true": True, "false": False}


def typed_column(cells: Sequence[str], decimal: str, missing: Sequence[str]) -> "pd.Series":
    """Texts (N,) as a column of the narrowest type that holds every one of them.

    Args:
        cells: without blanks around them.
        decimal: "." or ",".
        missing: texts, in lower case, that stand for an empty cell.
    """
    import pandas as pd

    codes, found = pd.factorize(np.array(cells, dtype=object))
    distinct = [str(text) for text in found]
    empty = np.array([text.casefold() in missing for text in distinct])
    said = [text for text, is_empty in zip(distinct, empty, strict=True) if not is_empty]
    seen = ~empty[codes]
    if not said:
        return pd.Series([None] * len(cells), dtype=object)
    if all(text.lower() in WORDS for text in said):
        known = pd.array([WORDS.get(text.lower()) for text in distinct], dtype="boolean")[codes]
        return pd.Series(known) if not seen.all() else pd.Series(known).astype(bool)
    if all(ISO_DATE.fullmatch(text) for text in said):
        stamps = pd.to_datetime(pd.Series(distinct).where(~empty), format="ISO8601", errors="coerce", utc=True)
        if bool((stamps.notna() | empty).all()):
            return pd.Series(stamps.dt.tz_localize(None).to_numpy()[codes])
    values = np.array(
        [np.nan if is_empty else number(text, decimal) for text, is_empty in zip(distinct, empty, strict=True)]
    )
    numeric = not np.isnan(values[~empty]).any() and not any(
        CODE.fullmatch(text) or ISO_DATE.fullmatch(text) for text in said
    )
    if not numeric:
        kept = np.array([None if is_empty else text for text, is_empty in zip(distinct, empty, strict=True)], dtype=object)
        return pd.Series(kept[codes], dtype=object)
    column = pd.Series(values[codes])
    digits = all(text.lstrip("+-").isdecimal() or not PLAIN.fullmatch(text) for text in said)
    whole = digits and bool(
        (values[~empty] == np.floor(values[~empty])).all() and np.abs(values[~empty]).max() < LARGEST_WHOLE
    )
    if not whole:
        return column
    return column.astype("int64") if seen.all() else column.astype("Int64")
