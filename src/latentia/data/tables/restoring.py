"""Numbers and codes back to a column of a frame, in the type that it had."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def restored(
    name: str, values: np.ndarray, seen: np.ndarray, dtype: str, states: tuple[Any, ...], whole: bool
) -> "pd.Series":
    """A column of a frame.

    Args:
        name: its header.
        values: (N,) codes of states, or numbers (dates: days since 1970).
        seen: (N,) False where the cell is empty.
        dtype: what it had; its nearest relative that can hold an empty cell where there is one.
        states: of the codes, or ().
        whole: round to whole numbers.
    """
    import pandas as pd

    if states:
        return _of_states(name, values, seen, dtype, states)
    v = np.round(values) if whole else values
    if dtype.startswith(("datetime64", "timedelta64")):
        return _of_days(name, v, seen, dtype)
    if "int" in dtype.lower():
        bounds = np.iinfo(dtype.lower())
        # 2**63 - 1 has no float64 of its own; the next one below does
        top = np.nextafter(float(bounds.max), 0) if float(bounds.max) > bounds.max else float(bounds.max)
        cells = np.round(np.nan_to_num(v)).clip(float(bounds.min), top).astype(dtype.lower())
        if seen.all() and dtype[0] in "iu":
            return pd.Series(cells, name=name)
        nullable = dtype.replace("uint", "UInt").replace("int", "Int") if dtype[0] in "iu" else dtype
        return pd.Series(cells, name=name).astype(nullable).where(pd.Series(seen))
    column = pd.Series(np.where(seen, v, np.nan), name=name)
    if dtype.lower().startswith("float"):
        return column.astype(dtype)
    return column


def _of_states(name: str, codes: np.ndarray, seen: np.ndarray, dtype: str, states: tuple[Any, ...]) -> "pd.Series":
    import pandas as pd

    if dtype in ("category", "ordered category"):
        kind = pd.CategoricalDtype(list(states), ordered=dtype != "category")
        return pd.Series(pd.Categorical.from_codes(np.where(seen, codes, -1).tolist(), dtype=kind), name=name)
    cells = np.empty(len(codes), object)
    cells[:] = [states[code] if there else None for code, there in zip(codes.tolist(), seen.tolist(), strict=True)]
    column = pd.Series(cells, name=name, dtype=object)
    if dtype == "bool":
        return column.astype("bool" if seen.all() else "boolean")
    if "int" in dtype.lower():
        nullable = dtype if dtype[0] in "IU" else dtype.replace("uint", "UInt").replace("int", "Int")
        return column.astype(dtype if seen.all() else nullable)
    if dtype.startswith(("datetime64", "timedelta64", "object")):
        return column
    return column.astype(dtype)


def _of_days(name: str, days: np.ndarray, seen: np.ndarray, dtype: str) -> "pd.Series":
    import pandas as pd

    # Beyond three centuries nanoseconds do not fit 64 bits; what a model draws may lie anywhere.
    steps = np.clip(np.nan_to_num(days), -106_000, 106_000) * 86_400
    cells = (np.round(steps).astype("int64") * 10**9).astype(f"{'m8' if dtype.startswith('t') else 'M8'}[ns]")
    column = pd.Series(cells, name=name).where(pd.Series(seen))
    if ", " in dtype:
        unit, zone = dtype[len("datetime64[") : -1].split(", ", 1)
        return column.dt.tz_localize("UTC").dt.tz_convert(zone).dt.as_unit(unit)
    return column.astype(dtype)


def shortest(values: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """Numbers (N,) with no more decimals than they have sure of an error ``lost`` (N,): 57.9 for 57.8999998."""
    finite = np.isfinite(values) & (lost > 0)
    if not finite.any():
        return values
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        finest = np.ceil(-np.log10(lost[finite])).clip(-300, 300)
        out, open_ = values.copy(), finite
        for decimals in range(int(finest.min()) - 10, int(finest.max()) + 1):
            found = np.round(values, decimals)
            near = open_ & (np.abs(found - values) <= lost)
            out[near] = found[near]
            open_ = open_ & ~near
    return out
