"""What is asked of the rows of a split, wherever they are kept: in memory (``Split``) or on disk (``Streamed``)."""

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Size, Tensor

from latentia.core import Batch
from latentia.data.split import Split


class AnySplit(Protocol):
    """N rows that give batches. What would need all of them in memory at once is no part of it, so that a type checker
    finds who asks for that; ``take`` and ``head`` give some of them as a ``Split``.
    """

    @property
    def draw_bits(self) -> bool:
        """See ``Split``."""
        ...

    @property
    def labels(self) -> Tensor | None:
        """(N,) long, or None."""
        ...

    @property
    def given(self) -> Tensor | None:
        """See ``Split``."""
        ...

    @property
    def x_shape(self) -> Size:
        """Shape of one row."""
        ...

    @property
    def device(self) -> torch.device:
        """Where batches come out."""
        ...

    @property
    def holed(self) -> bool:
        """Whether some values are missing, so that batches carry a mask."""
        ...

    def __len__(self) -> int: ...

    def batch(self, rows: Tensor) -> Batch:
        """The rows numbered ``rows`` (B,), in that order."""
        ...

    def batches(
        self,
        size: int,
        shuffle: bool = False,
        generator: torch.Generator | None = None,
        skip: int = 0,
        share: tuple[int, int] = (0, 1),
    ) -> Iterator[Batch]:
        """Every row once; see ``Split.batches``."""
        ...

    def head(self, n: int) -> Split:
        """The first n rows, or all where there are fewer."""
        ...

    def take(self, rows: Tensor) -> Split:
        """The rows numbered ``rows``, in memory."""
        ...

    def to(self, device: torch.device | str) -> "AnySplit":
        """The same rows for another device."""
        ...

    def flattened(self) -> "AnySplit":
        """The same rows as vectors."""
        ...

    def drawing_bits(self) -> "AnySplit":
        """The same rows, every value drawn as a bit anew each time."""
        ...

    def frozen_bits(self, seed: int) -> "AnySplit":
        """Every value drawn as a bit once.

        Raises:
            DataError: the rows are not in memory.
        """
        ...

    def values_a_row(self) -> float:
        """Values observed in a row, on average."""
        ...

    def value_range(self) -> tuple[float, float, bool]:
        """Of all observed values, before any bit is drawn: the smallest, the largest, whether every one is whole."""
        ...

    def marks(self) -> Iterator[bytes | memoryview]:
        """What tells these rows from others, piece by piece."""
        ...
