"""An array that lies open in a file, read a stretch at a time, so that none of it stays in memory."""

import math
import os
import weakref
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from torch import Size

from latentia.core.errors import DataError
from latentia.data.arrays import CHANNELS
from latentia.data.reading.limits import reason
from latentia.data.streaming.source import PACKED, Source

# A seek costs a spinning disk as much as reading a megabyte, and an SSD less than this.
BLOCK_BYTES = 1 << 18
MOST_AT_ONCE = 1 << 30
# Of a block's rows, less than one in so many are read one by one.
FEW = 16


@dataclass(frozen=True)
class ArrayFile:
    """Where an array lies in a file: rows one after another, values of a row likewise.

    Attributes:
        path: of the file.
        offset: bytes before the first row.
        dtype: of its values.
        shape: (N, ...).
    """

    path: Path
    offset: int
    dtype: np.dtype
    shape: tuple[int, ...]

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """Axes."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all values."""
        return math.prod(self.shape) * self.dtype.itemsize

    def loaded(self) -> np.ndarray:
        """All of it, in memory."""
        out = np.empty(self.shape, self.dtype)
        Opened(self.path).read(self.offset, out)
        return out

    def with_axis(self) -> "ArrayFile":
        """One value a row as a row of one value; others as they are."""
        return replace(self, shape=(*self.shape, 1)) if self.ndim == 1 else self


@dataclass(frozen=True)
class Stacked:
    """Arrays end to end, some in files, of rows of one shape.

    Attributes:
        parts: the arrays.
    """

    parts: tuple[ArrayFile | np.ndarray, ...]

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, ...)."""
        return (len(self), *self.parts[0].shape[1:])

    @property
    def dtype(self) -> np.dtype:
        """Which holds the values of all."""
        return np.result_type(*(part.dtype for part in self.parts))


def file_of(array: np.memmap) -> ArrayFile | None:
    """Where a mapped array lies in its file; None where its rows do not lie one after another, or may have been changed."""
    if array.filename is None or array.mode == "c" or not array.flags.c_contiguous or not array.size:
        return None
    root = array
    while isinstance(root.base, np.memmap):
        root = root.base
    ahead = array.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    return ArrayFile(Path(str(array.filename)), root.offset + ahead, array.dtype, array.shape)


class Opened:
    """A file that is held open and read at any place; closed when nobody holds it any more."""

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, Lock()
        try:
            self._file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise DataError(f"{path} cannot be read ({reason(error)}); check the path.") from None
        weakref.finalize(self, os.close, self._file)

    def read(self, offset: int, out: np.ndarray) -> None:
        """Fill ``out``, contiguous, with what lies from ``offset`` on.

        Raises:
            DataError: the file ends before, or cannot be read.
        """
        left = out.reshape(-1).view(np.uint8).data
        try:
            while len(left):
                got = self._some(offset, left[:MOST_AT_ONCE])
                if not got:
                    raise DataError(f"{self.path} has become shorter while it was read; restore it.")
                left, offset = left[got:], offset + got
        except OSError as error:
            raise DataError(f"{self.path} cannot be read ({reason(error)}); check the disk.") from None

    def _some(self, offset: int, out: memoryview) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self._file, [out], offset)
        with self._lock:  # elsewhere the place to read at belongs to the file
            os.lseek(self._file, offset, os.SEEK_SET)
            content = os.read(self._file, len(out))
        out[: len(content)] = content
        return len(content)


class ArraySource(Source):
    """Rows of an array in a file.

    Args:
        file: where; at least two axes.
        dtype: to keep them as; torch.uint8 for bits and bytes, else torch.float32.
        block_bytes: of what is read at once, about.
    """

    chains = None

    def __init__(self, file: ArrayFile, dtype: torch.dtype, block_bytes: int = BLOCK_BYTES) -> None:
        self.file, self.dtype = file, dtype
        self._open = Opened(file.path)
        n, row = file.shape[0], file.shape[1:]
        self._raw_bytes = math.prod(row) * file.dtype.itemsize
        a_block = max(1, block_bytes // max(1, self._raw_bytes))
        self.starts = np.append(np.arange(0, n, a_block), n)
        self._channels_last = len(row) == 3 and row[-1] in CHANNELS and row[0] not in CHANNELS
        moved = (row[-1], *row[:-1]) if self._channels_last else (1, *row) if len(row) == 2 else row
        self.row_shape = Size(moved)
        self._as_is = file.dtype == PACKED[dtype] and not self._channels_last

    def read(self, block: int, out: np.ndarray) -> None:
        start, stop = int(self.starts[block]), int(self.starts[block + 1])
        if self._as_is:
            self._open.read(self.file.offset + start * self._raw_bytes, out)
            return
        self._bring(self.raw(start, stop), out)

    def pick(self, block: int, inside: np.ndarray) -> np.ndarray:
        begin = int(self.starts[block])
        if len(inside) * FEW > self.starts[block + 1] - begin:
            out = self.room(block)
            self.read(block, out)
            return out[inside]
        raw = [self.raw(begin + int(place), begin + int(place) + 1) for place in inside]
        out = np.empty((len(inside), *self.row_shape), PACKED[self.dtype])
        self._bring(np.concatenate(raw), out)
        return out

    def raw(self, start: int, stop: int) -> np.ndarray:
        """Rows from start to stop as the file holds them."""
        rows = np.empty((stop - start, *self.file.shape[1:]), self.file.dtype)
        self._open.read(self.file.offset + start * self._raw_bytes, rows)
        return rows

    def mark(self) -> str:
        return f"{self.file.path.name} {self.file.offset} {self.file.dtype.str} {self.file.shape} {self.dtype}"

    def _bring(self, raw: np.ndarray, out: np.ndarray) -> None:
        raw = np.moveaxis(raw, -1, 1) if self._channels_last else raw.reshape(out.shape)
        with np.errstate(over="ignore", invalid="ignore"):  # looked for before the first step
            np.copyto(out, raw, casting="unsafe")
