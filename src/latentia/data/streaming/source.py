"""Rows on disk, in blocks that are read whole; several sources end to end are one."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Size, Tensor

LANES = 16
PACKED = {torch.uint8: np.dtype(np.uint8), torch.float32: np.dtype(np.float32)}


class Source(ABC):
    """N rows of one shape, stored small.

    Attributes:
        starts: (n_blocks + 1,) the row at which each block begins, and N.
        chains: (n_blocks,) numbers of what has to be read front to back, such as a row group; None where any order will do.
        lanes: how many of the chains are read side by side.
        row_shape: of a row as a model takes it.
        dtype: of what ``read`` gives, torch.uint8 or torch.float32; a NaN is a value that was not observed.
    """

    starts: np.ndarray
    chains: np.ndarray | None
    lanes: int = LANES
    row_shape: Size
    dtype: torch.dtype

    @abstractmethod
    def read(self, block: int, out: np.ndarray) -> None:
        """A block's rows into ``out`` (rows, *row_shape), of ``dtype`` and contiguous. One thread at a time may call it.

        Raises:
            DataError: the file cannot be read any more.
        """

    @abstractmethod
    def pick(self, block: int, inside: np.ndarray) -> np.ndarray:
        """Some rows of a block, by their places in it: (B, *row_shape). Any thread may call it."""

    @abstractmethod
    def mark(self) -> str:
        """What tells the files and how they are read from others."""

    def __len__(self) -> int:
        return int(self.starts[-1])

    @property
    def row_bytes(self) -> int:
        """Of a row as it is stored."""
        return self.row_shape.numel() * self.dtype.itemsize

    def rows(self, places: np.ndarray) -> Tensor:
        """The rows numbered ``places`` (B,), in that order: (B, *row_shape)."""
        out = torch.empty(len(places), *self.row_shape, dtype=self.dtype)
        for block, wanted in by_block(np.searchsorted(self.starts, places, side="right") - 1):
            out.numpy()[wanted] = self.pick(block, places[wanted] - self.starts[block])
        return out

    def room(self, block: int) -> np.ndarray:
        """Memory for a block."""
        rows = int(self.starts[block + 1] - self.starts[block])
        return np.empty((rows, *self.row_shape), PACKED[self.dtype])


class Joined(Source):
    """Sources end to end.

    Args:
        sources: of one row shape and dtype.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = list(sources)
        self.row_shape, self.dtype = sources[0].row_shape, sources[0].dtype
        ends = np.cumsum([0, *(len(source) for source in sources)])
        self.starts = np.concatenate([s.starts[:-1] + at for s, at in zip(sources, ends, strict=False)] + [ends[-1:]])
        self._of = np.repeat(np.arange(len(sources)), [len(s.starts) - 1 for s in sources])
        self._first = np.concatenate([np.arange(len(s.starts) - 1) for s in sources])
        self.chains, self.lanes = None, min(source.lanes for source in sources)
        if any(source.chains is not None for source in sources):
            chains, above = [], 0
            for source in sources:
                own = np.arange(len(source.starts) - 1) if source.chains is None else source.chains
                chains.append(own + above)
                above += int(own.max(initial=-1)) + 1
            self.chains = np.concatenate(chains)

    def read(self, block: int, out: np.ndarray) -> None:
        self.sources[self._of[block]].read(int(self._first[block]), out)

    def pick(self, block: int, inside: np.ndarray) -> np.ndarray:
        return self.sources[self._of[block]].pick(int(self._first[block]), inside)

    def mark(self) -> str:
        return "\n".join(source.mark() for source in self.sources)


class InMemory(Source):
    """Rows that are here already, as one block, so that they can be joined to others.

    Args:
        rows: (N, *row_shape) of ``dtype``.
    """

    chains = None

    def __init__(self, rows: Tensor) -> None:
        self._rows, self.dtype, self.row_shape = rows.numpy(), rows.dtype, rows.shape[1:]
        self.starts = np.array([0, len(rows)])

    def read(self, block: int, out: np.ndarray) -> None:
        out[...] = self._rows

    def pick(self, block: int, inside: np.ndarray) -> np.ndarray:
        return self._rows[inside]

    def mark(self) -> str:
        return f"{hashlib.sha256(np.ascontiguousarray(self._rows).data).hexdigest()} {self._rows.shape}"


def by_block(blocks: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """(block, where it stands) for each different number in ``blocks`` (B,)."""
    order = np.argsort(blocks, kind="stable")
    names, first = np.unique(blocks[order], return_index=True)
    ends = [*first[1:].tolist(), len(order)]
    yield from ((name, order[start:stop]) for name, start, stop in zip(names.tolist(), first.tolist(), ends, strict=False))
