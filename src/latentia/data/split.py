"""One part of a data set, resident on one device, handed out as batches."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Size, Tensor

from latentia.core import Batch
from latentia.core.checks import expand_mask
from latentia.core.errors import DataError


@dataclass(frozen=True)
class Split:
    """N rows, stored as they came and turned into floats a batch at a time.

    Attributes:
        stored: (N, *x_shape) uint8, grey levels that ``scale`` brings into [0, 1], or float32.
        scale: what a stored value is multiplied by; 1/255 for bytes.
        draw_bits: draw every value of a batch as a bit with its own probability, anew each time (dynamic binarization).
        labels: (N,) long, or None.
        given: (N, *given_shape) float, or None.
        mask: (N, *prefix of x_shape) bool, True where observed, or None.
    """

    stored: Tensor
    scale: float = 1.0
    draw_bits: bool = False
    labels: Tensor | None = None
    given: Tensor | None = None
    mask: Tensor | None = None

    def __len__(self) -> int:
        return self.stored.shape[0]

    @property
    def x_shape(self) -> Size:
        """Shape of one row."""
        return self.stored.shape[1:]

    @property
    def device(self) -> torch.device:
        """Where the rows are."""
        return self.stored.device

    @property
    def holed(self) -> bool:
        """Whether some values are missing, so that batches carry a mask."""
        return self.mask is not None

    def batch(self, rows: Tensor) -> Batch:
        """The rows numbered ``rows`` (B,), in that order."""
        x = self.stored.index_select(0, rows).to(torch.float32)
        if self.scale != 1.0:
            x = x * self.scale
        if self.draw_bits:
            x = torch.bernoulli(x)
        given = None if self.given is None else self.given.index_select(0, rows)
        mask = None if self.mask is None else self.mask.index_select(0, rows)
        return Batch(x, rows, len(self), given, mask)

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
            generator: where that order comes from; a CPU generator, so that every device sees the same order.
            skip: so many batches at the beginning are not made; no bit is drawn for them.
            share: (part, of): each batch's rows are cut into so many parts as even as can be, in order, and that one is
                made, which is empty where there are fewer rows than parts.

        Raises:
            DataError: size is not positive.
        """
        if size < 1:
            raise DataError(f"the batch size is {size}, wanted at least 1.")
        order = torch.randperm(len(self), generator=generator) if shuffle else torch.arange(len(self))
        order = order.to(self.stored.device)
        for start in range(skip * size, len(self), size):
            yield self.batch(order[start : start + size].tensor_split(share[1])[share[0]])

    def head(self, n: int) -> "Split":
        """The first n rows, or all where there are fewer."""
        return self.take(torch.arange(min(n, len(self)), device=self.stored.device))

    def take(self, rows: Tensor) -> "Split":
        """A split of the rows numbered ``rows``."""
        parts = {name: t[rows] for name, t in self._tensors().items()}
        return replace(self, **parts)

    def to(self, device: torch.device | str) -> "Split":
        """The same rows on another device."""
        return replace(self, **{name: t.to(device) for name, t in self._tensors().items()})

    def values(self) -> Tensor:
        """(N, *x_shape) float: the rows before any bit is drawn."""
        return self.stored.to(torch.float32) * self.scale

    def values_a_row(self) -> float:
        """Values observed in a row, on average; the size of ``x_shape`` where none is missing."""
        if self.mask is None:
            return float(self.x_shape.numel())
        inner = self.x_shape.numel() / self.mask[0].numel()
        return float(self.mask.double().mean()) * self.mask[0].numel() * inner

    def filled(self) -> Tensor:
        """(N, *x_shape) float: the rows with each missing value at the mean of what was observed in its place."""
        x = self.values()
        if self.mask is None:
            return x
        seen = expand_mask(self.mask, x).expand_as(x)
        mean = (x * seen).sum(0) / seen.sum(0).clamp_min(1)
        return torch.where(seen, x, mean)

    def flattened(self) -> "Split":
        """The same rows as vectors."""
        mask = self.mask
        if mask is not None:
            mask = expand_mask(mask, self.stored).expand_as(self.stored).flatten(1)
        return replace(self, stored=self.stored.flatten(1), mask=mask)

    def drawing_bits(self) -> "Split":
        """The same rows, every value drawn as a bit anew each time."""
        return replace(self, draw_bits=True)

    def value_range(self) -> tuple[float, float, bool]:
        """Of all observed values, before any bit is drawn: the smallest, the largest, whether every one is whole."""
        values = self.values()
        if self.mask is not None:
            values = values[expand_mask(self.mask, values).expand_as(values)]
        if not values.numel():
            return 0.0, 0.0, True
        return float(values.min()), float(values.max()), bool((values == values.floor()).all())

    def marks(self) -> Iterator[bytes | memoryview]:
        """What tells these rows from others, piece by piece."""
        yield f" {self.scale!r} {self.draw_bits}".encode()
        for part in (self.stored, self.given, self.mask):
            if part is None:
                yield b"none"
                continue
            yield f"{part.dtype} {tuple(part.shape)}".encode()
            yield part.detach().cpu().contiguous().view(torch.uint8).numpy().data

    def frozen_bits(self, seed: int) -> "Split":
        """Every value drawn as a bit once, by a seed of its own, so that a figure can be repeated."""
        generator = torch.Generator().manual_seed(seed)
        bits = torch.bernoulli(self.values().cpu(), generator=generator).to(torch.uint8).to(self.stored.device)
        return replace(self, stored=bits, scale=1.0, draw_bits=False)

    def _tensors(self) -> dict[str, Tensor]:
        names = ("stored", "labels", "given", "mask")
        return {name: t for name in names if (t := getattr(self, name)) is not None}
