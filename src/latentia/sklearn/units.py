"""Columns in the units that a model likes: shifted and scaled, and what that does to a log-density."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# A spread below this share of a column's size is rounding, not news.
ROUNDING = 10 * float(np.finfo(np.float64).eps)


class Units(NamedTuple):
    """A model's x is (own - shift) / scale, both (D,)."""

    shift: Array
    scale: Array

    def inward(self, rows: Array) -> Array:
        """Own units to the model's: (N, D) -> (N, D)."""
        return (rows - self.shift) / self.scale

    def outward(self, x: Array) -> Array:
        """The model's units to own ones."""
        return x * self.scale + self.shift

    @property
    def log_slopes(self) -> Array:
        """(D,) what a log-density of the model's x gains a column, in nats, when it is one of own units."""
        return -np.log(self.scale)


def own_units(n_columns: int) -> Units:
    """Nothing is shifted, nothing is scaled."""
    return Units(np.zeros(n_columns), np.ones(n_columns))


def standard_units(rows: Array) -> Units:
    """Each column at mean 0 and spread 1 over its cells that are not NaN; a constant column is only shifted."""
    with np.errstate(over="ignore", invalid="ignore"):
        shift = np.nanmean(rows, axis=0)
        return Units(shift, _usable(np.nanstd(rows, axis=0), np.nanmax(np.abs(rows), axis=0)))


def centered_units(rows: Array) -> Units:
    """Each column at mean 0, and one scale for all of them, so that directions keep their lengths."""
    shift = rows.mean(axis=0)
    spread = np.sqrt(np.square(rows - shift).mean())
    return Units(shift, np.full(rows.shape[1], _usable(np.array([spread]), np.abs(rows).max(keepdims=True).ravel())[0]))


def _usable(spread: Array, size: Array) -> Array:
    return np.where(spread > ROUNDING * size, spread, 1.0)
