"""One column of a table: its kind, its scale on the way in, undone on the way out."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from latentia.core.errors import DataError, nearest
from latentia.data.tables.cells import numbers, seen_cells, state_key
from latentia.data.tables.restoring import restored, shortest

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["real", "positive", "proportion", "binary", "category", "count", "hurdle"]
KINDS: tuple[str, ...] = get_args(Kind)
State = str | int | float | bool
NAMED_STATES = ("binary", "category")
DTYPE = re.compile(
    r"u?int(8|16|32|64)|U?Int(8|16|32|64)|[fF]loat(16|32|64)|bool|boolean|object|str|string|category|ordered category"
    r"|datetime64\[(s|ms|us|ns)(, [\w/+:-]{1,40})?\]|timedelta64\[(s|ms|us|ns)\]"
)
# What a file that was written by someone else may ask for.
MOST_STATES = 10_000
# Beyond this, what float32 holds ends soon.
LARGEST = 1e30
# What a value loses on the way, as a share of it.
FLOAT32 = 2.0**-24
# In spreads of a column: of fewer than 100 million training rows none lies farther out, and no network knows such a place.
FARTHEST = 1e4


@dataclass(frozen=True)
class Column:
    """One column of a table, and the rule that makes values of its cells.

    ===========  ======  ==========================================================
    kind         values  what they are, of a cell v
    ===========  ======  ==========================================================
    real         1       (v - shift) / scale
    positive     1       (log v - shift) / scale
    proportion   1       (v - shift) / scale, which lies inside (0, 1) for 0 ≤ v ≤ 1
    binary       1       0 for the first state, 1 for the second
    category     states  one-hot
    count        1       v
    hurdle       2       1 and 0 where v is the spike; else 0 and (v - shift) / scale
    ===========  ======  ==========================================================

    Attributes:
        name: its header.
        kind: one of ``KINDS``.
        dtype: of the frame it came from, which ``decode`` restores.
        states: of a binary or a category, in order.
        shift: in own units; of a positive, in logarithms.
        scale: likewise, above zero.
        spike: of a hurdle, the value that so many cells hold; dates are days since 1970.
        low: smallest value in training rows, own units.
        high: largest.
        whole: cells are whole numbers (dates: whole days), to which ``decode`` rounds.
    """

    name: str
    kind: Kind
    dtype: str = "float64"
    states: tuple[State, ...] = ()
    shift: float = 0.0
    scale: float = 1.0
    spike: float | None = None
    low: float | None = None
    high: float | None = None
    whole: bool = False

    def __post_init__(self) -> None:
        what = f"column {self.name!r}"
        if self.kind not in KINDS:
            raise DataError(f"{what} is of kind {self.kind!r}; {nearest(str(self.kind), list(KINDS))}")
        if not (math.isfinite(self.shift) and math.isfinite(self.scale) and self.scale > 0):
            raise DataError(f"{what} has shift {self.shift} and scale {self.scale}, wanted finite ones and a scale above 0.")
        wanted = {"binary": (2, 2), "category": (2, MOST_STATES)}.get(self.kind, (0, 0))
        if not wanted[0] <= len(self.states) <= wanted[1] or len(self.keys) != len(self.states):
            raise DataError(
                f"{what}, a {self.kind}, has {len(self.states)} states, wanted {wanted[0]} to {wanted[1]} that differ."
            )
        if self.kind == "hurdle" and (self.spike is None or not math.isfinite(self.spike)):
            raise DataError(f"{what} is a hurdle with spike {self.spike}, wanted the number that so many of its cells hold.")
        if not DTYPE.fullmatch(self.dtype):
            raise DataError(f"{what} has dtype {self.dtype!r}, wanted a name such as float64, int64, bool or object.")

    @property
    def width(self) -> int:
        """How many values of a row it takes."""
        return {"category": len(self.states), "hurdle": 2}.get(self.kind, 1)

    @property
    def keys(self) -> dict[str, int]:
        """Its states by the text that is looked for in a cell."""
        return {state_key(state): code for code, state in enumerate(self.states)}

    @property
    def value_names(self) -> tuple[str, ...]:
        """A name for each of its values."""
        if self.kind == "category":
            return tuple(f"{self.name}={state}" for state in self.states)
        if self.kind == "binary":
            return (f"{self.name}={self.states[1]}",)
        return (f"{self.name}={self.spike:g}", self.name) if self.kind == "hurdle" else (self.name,)

    def encode(self, series: "pd.Series") -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Cells (N,) -> values (N, width), seen (N,), and a sentence about cells that could not be read."""
        if self.kind in NAMED_STATES:
            cells, found = _codes(series, self.keys), "hold a state that no training row has"
            x = np.eye(len(self.states))[cells] if self.kind == "category" else cells[:, None].astype(float)
            fits = cells >= 0
        else:
            cells = numbers(series)
            fits, found = np.isfinite(cells) & self._holds(cells), f"hold no number that a {self.kind} takes"
            with np.errstate(over="ignore"):
                x = self._scaled(np.where(fits, cells, self.spike or 1.0))
            fits &= (np.abs(x) < LARGEST).all(1)
        filled = seen_cells(series)
        odd = filled & ~fits
        notes = []
        far = filled & fits & (np.abs(x) > FARTHEST).any(1) & (self.kind not in (*NAMED_STATES, "count"))
        if far.any():
            first = int(far.argmax())
            notes.append(
                f"{self.name!r}: {int(far.sum())} of {len(cells)} cells lie more than {FARTHEST:,.0f} spreads away from the "
                f"training rows (first {str(series.iloc[first])[:40]!r} in row {first}); they are taken to lie that far."
            )
            x = np.where(far[:, None], x.clip(-FARTHEST, FARTHEST), x)
        if odd.any():
            first = int(odd.argmax())
            shown = str(series.iloc[first])[:40]
            notes.append(
                f"{self.name!r}: {int(odd.sum())} of {len(cells)} cells {found} (first {shown!r} in row {first}); "
                "they are taken as missing."
            )
        seen = filled & fits
        return np.where(seen[:, None], x, 0.0), seen, notes

    def decode(self, x: np.ndarray, seen: np.ndarray) -> "pd.Series":
        """Values (N, width) -> cells (N,), as ``encode`` found them; of chances the likeliest state."""
        if self.kind in NAMED_STATES:
            codes = x.argmax(1) if self.kind == "category" else (x[:, 0] >= 0.5).astype(int)
            return restored(self.name, codes, seen, self.dtype, self.states, False)
        v = x[:, -1] if self.kind == "count" else x[:, -1] * self.scale + self.shift
        lost = self.scale * (np.abs(x[:, -1]) + 1) * FLOAT32
        if self.kind == "positive":
            v = np.exp(v)
            v = shortest(v, lost * v)
        elif self.kind != "count":
            v = shortest(v, lost)
        if self.kind == "proportion":
            v = v.clip(0, 1)
        elif self.kind == "count":
            v = v.clip(min=0)
        elif self.kind == "hurdle":
            v = np.where(x[:, 0] >= 0.5, self.spike or 0.0, v)
        return restored(self.name, v, seen, self.dtype, (), self.whole)

    def log_slope(self, x: np.ndarray) -> np.ndarray:
        """log |d x / d own unit| of values (N, width): (N,); 0 where the value has a mass and not a density."""
        if self.kind in (*NAMED_STATES, "count"):
            return np.zeros(len(x))
        slope = np.full(len(x), -math.log(self.scale))
        if self.kind == "positive":
            slope -= x[:, 0] * self.scale + self.shift
        return np.where(x[:, 0] >= 0.5, 0.0, slope) if self.kind == "hurdle" else slope

    def _holds(self, v: np.ndarray) -> np.ndarray:
        if self.kind == "positive":
            return v > 0
        if self.kind == "proportion":
            return (v >= 0) & (v <= 1)
        return (v >= 0) & (v == np.floor(v)) if self.kind == "count" else np.ones(len(v), bool)

    def _scaled(self, v: np.ndarray) -> np.ndarray:
        if self.kind == "count":
            return v[:, None]
        x = ((np.log(v) if self.kind == "positive" else v) - self.shift) / self.scale
        if self.kind != "hurdle":
            return x[:, None]
        spike = v == self.spike
        return np.stack([spike.astype(float), np.where(spike, 0.0, x)], 1)


def _codes(series: "pd.Series", keys: Mapping[str, int]) -> np.ndarray:
    import pandas as pd

    codes, distinct = pd.factorize(series.astype(object), use_na_sentinel=True)
    known = np.array([keys.get(state_key(value), -1) for value in distinct] + [-1])
    return known[codes]
