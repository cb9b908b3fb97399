"""A split whose rows stay on disk: the same batches as a ``Split``, from a buffer that is filled one ahead."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Size, Tensor

from latentia.core import Batch
from latentia.core.errors import DataError
from latentia.data.split import Split
from latentia.data.streaming.ahead import Ahead
from latentia.data.streaming.order import Plan, plan
from latentia.data.streaming.source import PACKED, Source, by_block

CPU = torch.device("cpu")
# Of one filling; there are two.
BUFFER_BYTES = 256 << 20
# A row's number and its place in the order.
EXTRA_BYTES = 16

# A group of blocks, and the order in which its rows come, or None.
Job = tuple[int, Tensor | None]


class Filling(NamedTuple):
    """Rows start to stop of a pass, in memory: stored (R, *x_shape), numbers (R,) in the split, order (R,) or None."""

    start: int
    stop: int
    stored: Tensor
    numbers: Tensor
    order: Tensor | None

    def part(self, low: int, high: int) -> tuple[Tensor, Tensor]:
        """(stored, numbers) of rows low to high of the pass, as copies."""
        low, high = low - self.start, high - self.start
        if self.order is None:
            return self.stored[low:high].clone(), self.numbers[low:high].clone()
        return self.stored.index_select(0, self.order[low:high]), self.numbers[low:high].clone()


@dataclass(frozen=True, eq=False)
class Streamed:
    """N rows of a source, read in blocks, mixed in a buffer, and turned into floats a batch at a time.

    The order of a pass is a function of the generator, the number of rows and the buffer alone. One background thread reads;
    two buffers are all that is held. See ``latentia.data.streaming.order`` for what the mixing is worth.

    Attributes:
        source: where the rows lie.
        kept: (N of the source,) bool, True for rows of this split; None for all.
        x_shape: of a row.
        mark: what tells the source's files from others.
        looked: smallest and largest stored value, and whether every one is whole.
        scale: see ``Split``.
        draw_bits: see ``Split``.
        labels: see ``Split``.
        holed: stored values may be NaN, which says that they were not observed.
        observed: share of the values that was observed.
        device: where batches come out.
        buffer: bytes of one filling.
    """

    source: Source
    kept: np.ndarray | None
    x_shape: Size
    mark: str
    looked: tuple[float, float, bool]
    scale: float = 1.0
    draw_bits: bool = False
    labels: Tensor | None = None
    holed: bool = False
    observed: float = 1.0
    device: torch.device = CPU
    buffer: int = BUFFER_BYTES

    @cached_property
    def _counts(self) -> np.ndarray:
        """Rows of this split in each block."""
        starts, kept = self.source.starts, self.kept
        if kept is None:
            return np.diff(starts)
        return np.array([np.count_nonzero(kept[start:end]) for start, end in pairwise(starts.tolist())], np.int64)

    @cached_property
    def _before(self) -> np.ndarray:
        """Rows of this split before each block, and at last all of them."""
        return np.concatenate([[0], np.cumsum(self._counts)])

    def __len__(self) -> int:
        return int(self._before[-1])

    @property
    def given(self) -> Tensor | None:
        """Never there."""
        return None

    def batch(self, rows: Tensor) -> Batch:
        """The rows numbered ``rows`` (B,), in that order; each costs the reading of its block."""
        return self._batch(self._stored(rows), rows.to(self.device))

    def batches(
        self,
        size: int,
        shuffle: bool = False,
        generator: torch.Generator | None = None,
        skip: int = 0,
        share: tuple[int, int] = (0, 1),
    ) -> Iterator[Batch]:
        """Every row once, in batches of ``size``; the last one may be smaller and is never left out.

        Args:
            size: rows a batch.
            shuffle: give the rows in a random order.
            generator: where that order comes from; a CPU generator.
            skip: so many batches at the beginning are not made; what lies before them is not read.
            share: see ``Split.batches``.

        Raises:
            DataError: size is not positive; the files have changed or cannot be read.
        """
        if size < 1:
            raise DataError(f"the batch size is {size}, wanted at least 1.")
        n, room = len(self), max(size, self.buffer // (self.source.row_bytes + EXTRA_BYTES))
        way = plan(self._counts, self.source.chains, self.source.lanes, room, generator, shuffle)
        at = skip * size
        if at >= n:
            return
        groups = range(int(np.searchsorted(way.ends, at, side="right")) - 1, len(way.cuts) - 1)
        slots = (Slot(way.largest, self.source), Slot(way.largest, self.source))

        def fill(job: Job, slot: "Slot", stop: Callable[[], bool]) -> Filling:
            return self._filled(way, job, slot, stop)

        with Ahead(((group, way.mixed(group)) for group in groups), fill, slots) as fillings:
            held = next(fillings)
            for start in range(at, n, size):
                stop = min(start + size, n)
                low, high = _share(start, stop, share)
                parts = []
                while True:
                    a, b = max(low, held.start), min(high, held.stop)
                    if a < b or (low == high and not parts):
                        parts.append(held.part(a, max(a, b)) if a < b else held.part(held.start, held.start))
                    if held.stop >= stop:
                        break
                    held = next(fillings)
                stored, rows = parts[0] if len(parts) == 1 else (torch.cat(each) for each in zip(*parts, strict=True))
                yield self._batch(stored, rows)

    def head(self, n: int) -> Split:
        """The first n rows, or all where there are fewer."""
        return self.take(torch.arange(min(n, len(self))))

    def take(self, rows: Tensor) -> Split:
        """The rows numbered ``rows``, in memory."""
        stored, mask = self._stored(rows), None
        if self.holed:
            mask = ~torch.isnan(stored)
            stored = torch.where(mask, stored, stored.new_zeros(()))
        labels = None if self.labels is None else self.labels[rows.to(self.labels.device)].to(self.device)
        mask = None if mask is None else mask.reshape(-1, *self.x_shape)
        return Split(stored.reshape(-1, *self.x_shape), self.scale, self.draw_bits, labels, None, mask)

    def to(self, device: torch.device | str) -> "Streamed":
        """The same rows, for another device; buffers are carried there whole."""
        return replace(self, device=torch.device(device))

    def flattened(self) -> "Streamed":
        """The same rows as vectors."""
        return replace(self, x_shape=Size((self.x_shape.numel(),)))

    def drawing_bits(self) -> "Streamed":
        """The same rows, every value drawn as a bit anew each time."""
        return replace(self, draw_bits=True)

    def frozen_bits(self, seed: int) -> Split:
        """Refused: bits that are drawn once would have to be kept.

        Raises:
            DataError: always.
        """
        raise DataError(
            "bits cannot be drawn once of rows that stay on disk; use binarize='dynamic', store bits, or stream='never'."
        )

    def values_a_row(self) -> float:
        """Values observed in a row, on average."""
        return self.observed * self.x_shape.numel()

    def value_range(self) -> tuple[float, float, bool]:
        """Of all observed values: the smallest, the largest, whether every one is whole."""
        low, high, whole = self.looked
        return low * self.scale, high * self.scale, whole and (self.scale == 1.0 or high == low == 0)

    def marks(self) -> Iterator[bytes | memoryview]:
        """What tells these rows from others; not the rows themselves, which would have to be read whole."""
        about = (self.mark, self.source.mark(), tuple(self.x_shape), self.scale, self.draw_bits, self.holed, self.buffer)
        yield repr(about).encode()
        yield b"all" if self.kept is None else np.packbits(self.kept).data

    def _stored(self, rows: Tensor) -> Tensor:
        places = rows.cpu().numpy()
        if self.kept is not None:
            out = np.empty(len(places), np.int64)
            for block, wanted in by_block(np.searchsorted(self._before, places, side="right") - 1):
                start, stop = self.source.starts[block], self.source.starts[block + 1]
                out[wanted] = start + np.flatnonzero(self.kept[start:stop])[places[wanted] - self._before[block]]
            places = out
        return self.source.rows(places).to(self.device)

    def _filled(self, way: Plan, job: Job, slot: "Slot", stop: Callable[[], bool]) -> Filling:
        """Runs in the background thread, and is NumPy's work.

        torch would start threads of this thread's own, and GNU's OpenMP lets all sleep at every wait where there are more
        than processors: a third of a step.
        """
        at, (group, order) = 0, job
        for block in way.blocks[way.cuts[group] : way.cuts[group + 1]]:
            if stop():
                break
            start, end = int(self.source.starts[block]), int(self.source.starts[block + 1])
            count = int(self._counts[block])
            into = slot.rows.numpy()[at : at + count]
            if count == end - start:
                self.source.read(int(block), into)
            else:
                kept = self.kept
                assert kept is not None
                whole = slot.scratch(end - start)
                self.source.read(int(block), whole)
                np.compress(kept[start:end], whole, axis=0, out=into)
            slot.numbers.numpy()[at : at + count] = np.arange(count) + self._before[block]
            at += count
        numbers = slot.numbers[:at]
        if order is not None:
            numbers = torch.from_numpy(numbers.numpy()[order.numpy()])
        begun, ended = int(way.ends[group]), int(way.ends[group + 1])
        parts = (slot.rows[:at].to(self.device), numbers.to(self.device), None if order is None else order.to(self.device))
        return Filling(begun, ended, *parts)

    def _batch(self, stored: Tensor, rows: Tensor) -> Batch:
        x, mask = stored.to(torch.float32).reshape(-1, *self.x_shape), None
        if self.holed:
            mask = ~torch.isnan(x)
            x = torch.where(mask, x, x.new_zeros(()))
        if self.scale != 1.0:
            x = x * self.scale
        if self.draw_bits:
            x = torch.bernoulli(x)
        return Batch(x, rows, len(self), None, mask)


class Slot:
    """Memory of one filling, made once and filled again and again."""

    def __init__(self, rows: int, source: Source) -> None:
        self.rows = torch.empty(rows, *source.row_shape, dtype=source.dtype)
        self.numbers = torch.empty(rows, dtype=torch.int64)
        self._source, self._scratch = source, np.empty((0, *source.row_shape), PACKED[source.dtype])

    def scratch(self, rows: int) -> np.ndarray:
        """Room for a block of which not every row is wanted."""
        if len(self._scratch) < rows:
            self._scratch = np.empty((rows, *self._scratch.shape[1:]), self._scratch.dtype)
        return self._scratch[:rows]


def _share(start: int, stop: int, share: tuple[int, int]) -> tuple[int, int]:
    """The part of start to stop that is a rank's, as ``torch.tensor_split`` would cut it."""
    rank, of = share
    each, more = divmod(stop - start, of)
    low = start + rank * each + min(rank, more)
    return low, low + each + (rank < more)
