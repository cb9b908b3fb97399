"""Whatever names a class as codes and names."""

from typing import Any

import numpy as np

from latentia.core.errors import DataError
from latentia.data.tables.cells import numbers, seen_cells, state_key
from latentia.data.tables.states import MANY_STATES, states_of

NONE = "(none)"


def label_codes(name: str, values: Any) -> tuple[np.ndarray | None, tuple[str, ...] | None, list[str]]:
    """(codes (N,), a name for each, sentences), in the order of the names; rows without a label get a name of their own.

    Raises:
        DataError: too many different ones, or real numbers.
    """
    if values is None:
        return None, None, []
    import pandas as pd

    array = np.asarray(values.cpu() if hasattr(values, "cpu") else values)
    if array.ndim != 1:
        raise DataError(f"{name!r} has shape {array.shape}, wanted one label a row; pass its argmax for one-hot rows.")
    series: Any = pd.Series(array.tolist(), dtype=object)
    seen = seen_cells(series)
    if not seen.any():
        raise DataError(f"label {name!r} is empty in every row; leave it out.")
    read = numbers(series[seen])
    if np.isfinite(read).all() and (read != np.floor(read)).any():
        raise DataError(f"label {name!r} holds real numbers, and a label names classes; make it a column, or leave it out.")
    states = states_of(series[seen])
    if len(states) > MANY_STATES:
        raise DataError(f"label {name!r} names {len(states):,} classes, more than {MANY_STATES:,}; leave it out.")
    codes = {state_key(state): code for code, state in enumerate(states)}
    known = np.array([codes[state_key(value)] if there else len(states) for value, there in zip(series, seen, strict=True)])
    names, notes = [str(state) for state in states], []
    if not seen.all():
        names.append(NONE)
        notes.append(f"{int((~seen).sum())} of {len(seen)} rows have no label.")
    if len(states) == 1:
        notes.append(f"every label is {names[0]!r}: there is one class.")
    return known, tuple(names), notes
