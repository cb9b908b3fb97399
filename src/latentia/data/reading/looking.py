"""What the values of an array are taken for, and what is wrong with them, found out a stretch of rows at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from latentia.core.errors import DataError, NonFinite
from latentia.data.arrays import CURE_OF_INFINITE
from latentia.data.reading.material import Material
from latentia.data.reading.options import Options

MOST_NAMED = 3
CHUNK_BYTES = 16 << 20
LARGEST = torch.finfo(torch.float32).max


@dataclass
class Tally:
    """How many were found, in how many rows, and the first: its value and place."""

    count: int = 0
    rows: int = 0
    value: float = 0.0
    at: list[int] = field(default_factory=list)

    def add(self, found: Tensor, x: Tensor, start: int) -> None:
        """Count where ``found`` (R, ...) is True of rows that begin at ``start``."""
        count = int(found.sum())
        if count and not self.count:
            first = found.nonzero()[0].tolist()
            self.value, self.at = float(x[tuple(first)]), [first[0] + start, *first[1:]]
        if count:
            self.rows += int(found.flatten(1).any(1).sum())
        self.count += count


class Look:
    """A pass over rows in order: ``add`` them all, then ask ``meaning``.

    Args:
        material: what they are of.
        options: how to read it.
        n: rows that will come.

    Attributes:
        missing: values that are NaN where that means missing.
        values: of all.
        low: smallest; a missing one counts as 0.
        high: largest.
        whole: every one is whole.
    """

    def __init__(self, material: Material, options: Options, n: int) -> None:
        self._material, self._options, self._n = material, options, n
        self.values = self.missing = 0
        self.low, self.high, self.whole = float("inf"), float("-inf"), True
        self._broken, self._infinite, self._uncounted = Tally(), Tally(), Tally()
        self._first: Tensor | None = None
        self._still: Tensor | None = None
        self._start = 0

    def add(self, x: Tensor, mask: Tensor | None = None) -> None:
        """Look at rows (R, ...), of which ``mask`` says what was observed.

        Raises:
            DataError: nothing; what is wrong is told by ``meaning``.
        """
        start, self._start = self._start, self._start + len(x)
        self.values += x.numel()
        if x.is_floating_point():
            x = self._without_nan(x, mask, start)
        if not x.numel():
            return
        low, high = float(x.min()), float(x.max())
        self.low, self.high = min(self.low, low), max(self.high, high)
        if x.dtype in (torch.bool, torch.uint8):
            return
        if x.is_floating_point():
            self.whole = self.whole and bool((x == x.floor()).all())
            if not -LARGEST <= low <= high <= LARGEST:
                self._infinite.add(~torch.isfinite(x.to(torch.float32)), x, start)
        if self._options.reader == "counts":
            self._uncounted.add((x < 0) | (x != x.floor()) if x.is_floating_point() else x < 0, x, start)
        if x.ndim == 2:
            self._first = x[0].clone() if self._first is None else self._first
            same = (x == self._first).all(0)
            self._still = same if self._still is None else self._still & same

    def meaning(self, dtype: torch.dtype) -> tuple[bool, bool, list[str]]:
        """(bits, counts, sentences) once all rows were seen; neither where values stay what they are.

        Raises:
            DataError: NaN where it was not said that it means missing; infinities; what should be counts and is not.
        """
        notes, shown = [], self._material.shown
        if self.missing:
            notes.append(f"{self.missing:,} of {self.values:,} values are NaN and taken as missing.")
        if self._broken.count:
            what = "NaN" if self._broken.value != self._broken.value else "infinite"
            cure = "say nan='missing' if these were not seen, else correct them" if what == "NaN" else "correct them"
            count, at = self._broken.count, self._broken.at
            raise DataError(f"x is {what} in {count:,} of {self.values:,} values, first at {at}; {cure}.")
        if dtype in (torch.bool, torch.uint8) or self._material.levels is not None:
            return False, False, notes
        low, high = (self.low, self.high) if self.values else (0.0, 0.0)
        whole = low >= 0 and self.whole
        if whole and high <= 1:
            notes.append("values are 0 and 1 only: they are taken as bits.")
            return True, False, notes
        if self._uncounted.count:
            raise DataError(
                f"{shown} holds values that are no counts ({self._uncounted.count:,} of {self.values:,}, first "
                f"{self._uncounted.value:g} at {self._uncounted.at}); give the raw counts (array=), or leave out reader."
            )
        if whole:
            notes.append(f"values are whole numbers from 0 to {high:g}: they are taken as counts.")
        elif self._n > 1:
            notes += self._constant()
        return False, whole, notes

    def check_float32(self) -> None:
        """Refuse numbers that float32 cannot hold.

        Raises:
            NonFinite: with the count, the rows touched and the first place.
        """
        if (found := self._infinite).count:
            raise NonFinite(
                f"the data is infinite in {found.count} of {self.values} places ({found.rows} rows), first at {found.at}; "
                f"{CURE_OF_INFINITE}"
            )

    def _without_nan(self, x: Tensor, mask: Tensor | None, start: int) -> Tensor:
        bad = ~torch.isfinite(x)
        if self._options.nan == "missing":
            seen = ~torch.isnan(x)
            count = int((~seen).sum())
            if count:
                self.missing += count
                x = torch.where(seen, x, x.new_zeros(()))
                bad &= seen
        if mask is not None and mask.shape == bad.shape[: mask.ndim]:
            bad &= mask.reshape(mask.shape + (1,) * (bad.ndim - mask.ndim))
        self._broken.add(bad, x, start)
        return x

    def _constant(self) -> list[str]:
        places = [] if self._still is None else self._still.nonzero().flatten().tolist()
        if not places or self._still is None:
            return []
        names = self._material.value_names
        named = [str(names[p] if names and len(names) == len(self._still) else p) for p in places[:MOST_NAMED]]
        more = ", ..." if len(places) > MOST_NAMED else ""
        return [
            f"{len(places)} of {len(self._still)} columns are the same in every row ({', '.join(named)}{more}); a "
            "likelihood with a spread of its own gains without end there, so leave them out."
        ]


def stretches(n: int, row_bytes: int) -> Iterator[tuple[int, int]]:
    """(start, stop) over n rows, so that each takes some megabytes."""
    each = max(1, CHUNK_BYTES // max(1, row_bytes))
    for start in range(0, n, each):
        yield start, min(start + each, n)
