"""Bars: images of horizontal and vertical lines, whose causes are known and whose every probability can be summed up.

Foldiak (1990), Forming Sparse Representations by Local Anti-Hebbian Learning; Hinton, Dayan, Frey & Neal (1995), The
"Wake-Sleep" Algorithm for Unsupervised Neural Networks.
"""

import math
from abc import ABC, abstractmethod
from pathlib import Path

import torch
from torch import Tensor

from latentia.core.errors import DataError
from latentia.data.dataset import Dataset, from_splits
from latentia.data.named import Named
from latentia.data.split import Split

ROWS = (8_000, 1_000, 1_000)
SEED, PIXELS_AT_ONCE = 0, 2**24


class Bars(ABC):
    """A law of images (1, side, side) of bits: first the bars are drawn, then each pixel by itself.

    Args:
        side: pixels of a side; there are as many rows and as many columns, 2 side bars in all.

    Raises:
        DataError: no pixel, or a chance outside (0, 1).
    """

    def __init__(self, side: int, **chances: float) -> None:
        if side < 1:
            raise DataError(f"side is {side}, wanted at least 1 pixel.")
        for name, value in chances.items():
            if not 0 < value < 1:
                raise DataError(f"{name} is {value}, wanted a chance between 0 and 1, so that every image is possible.")
        self.side = side
        lines = torch.eye(side)
        rows, columns = lines.unsqueeze(2).expand(-1, -1, side), lines.unsqueeze(1).expand(-1, side, -1)
        self.bars = torch.cat([rows, columns]).flatten(1)
        """(2 side, side * side): the pixels of each bar, rows first."""

    @abstractmethod
    def causes(self) -> tuple[Tensor, Tensor]:
        """Every set of bars there can be, (S, 2 side) bits, and the logarithm of its chance, (S,)."""

    @abstractmethod
    def pixel_chances(self, present: Tensor) -> Tensor:
        """The chance of each pixel to be on: present (..., 2 side) bits -> (..., side * side)."""

    @abstractmethod
    def draw_causes(self, n: int, generator: torch.Generator) -> Tensor:
        """n sets of bars, (n, 2 side) bits."""

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """n images, (n, 1, side, side) of 0 and 1, and the bars that are in them, (n, 2 side)."""
        present = self.draw_causes(n, generator)
        chance = self.pixel_chances(present)
        x = (torch.rand(chance.shape, generator=generator) < chance).float()
        return x.reshape(n, 1, self.side, self.side), present

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x), a sum over all sets of bars: x (N, 1, side, side) or (N, side * side) -> (N,) nats, in float64."""
        present, log_chance = self.causes()
        on = self.pixel_chances(present.double())
        weight, bias = torch.logit(on), torch.log1p(-on).sum(-1) + log_chance
        parts = x.flatten(1).double().split(max(1, PIXELS_AT_ONCE // len(present)))
        return torch.cat([torch.logsumexp(part @ weight.T + bias, 1) for part in parts])


class OneBar(Bars):
    """One bar of 2 side, each as likely as another, every pixel flipped with chance ``flip``: a mixture.

    Which bar it was is one of 2 side classes, and its posterior's logits are linear in x.
    """

    def __init__(self, side: int = 4, flip: float = 0.05) -> None:
        super().__init__(side, flip=flip)
        self.flip = flip

    def causes(self) -> tuple[Tensor, Tensor]:
        n = 2 * self.side
        return torch.eye(n), torch.full((n,), -math.log(n), dtype=torch.float64)

    def pixel_chances(self, present: Tensor) -> Tensor:
        return self.flip + (1 - 2 * self.flip) * (present @ self.bars.to(present))

    def draw_causes(self, n: int, generator: torch.Generator) -> Tensor:
        return torch.eye(2 * self.side)[torch.randint(2 * self.side, (n,), generator=generator)]


class OverlappingBars(Bars):
    """Each bar is there with chance ``chance``; a pixel is on unless every bar through it and the leak fail: a noisy-or.

    Given x the bars explain each other away, so that their posterior is no product.

    Args:
        side: pixels of a side.
        chance: that a bar is there.
        strength: chance of a bar to turn a pixel on that it runs through.
        leak: chance of a pixel to be on by itself.
    """

    def __init__(self, side: int = 4, chance: float = 0.25, strength: float = 0.95, leak: float = 0.02) -> None:
        super().__init__(side, chance=chance, strength=strength, leak=leak)
        self.chance, self.strength, self.leak = chance, strength, leak

    def causes(self) -> tuple[Tensor, Tensor]:
        n = 2 * self.side
        present = (torch.arange(2**n).unsqueeze(-1) >> torch.arange(n) & 1).float()
        count = present.sum(-1).double()
        return present, count * math.log(self.chance) + (n - count) * math.log1p(-self.chance)

    def pixel_chances(self, present: Tensor) -> Tensor:
        return 1 - (1 - self.leak) * (1 - self.strength) ** (present @ self.bars.to(present))

    def draw_causes(self, n: int, generator: torch.Generator) -> Tensor:
        return (torch.rand(n, 2 * self.side, generator=generator) < self.chance).float()


def load_bars(folder: str | Path | None = None) -> Dataset:
    """10,000 images (1, 4, 4) with one noisy bar each, 8,000 / 1,000 / 1,000; the labels say which. No file is needed."""
    del folder  # the rows are drawn
    law = OneBar()
    x, present = law.draw(sum(ROWS), torch.Generator().manual_seed(SEED))
    names = tuple(f"{kind} {i + 1}" for kind in ("row", "column") for i in range(law.side))
    return from_splits("bars", *_cut(x, present.argmax(-1)), levels=2, label_names=names)


def load_overlapping_bars(folder: str | Path | None = None) -> Dataset:
    """10,000 images (1, 4, 4) with any number of bars, 8,000 / 1,000 / 1,000. No file is needed."""
    del folder  # the rows are drawn
    x, _ = OverlappingBars().draw(sum(ROWS), torch.Generator().manual_seed(SEED))
    return from_splits("overlapping_bars", *_cut(x), levels=2)


def _cut(x: Tensor, labels: Tensor | None = None) -> list[Split]:
    parts = x.to(torch.uint8).split(ROWS)
    names = [None] * len(ROWS) if labels is None else labels.split(ROWS)
    return [Split(part, labels=name) for part, name in zip(parts, names, strict=True)]


BARS = Named(load_bars, "10,000 noisy images of one bar each, 4 x 4 bits; drawn, needs no download", levels=2)
OVERLAPPING_BARS = Named(
    load_overlapping_bars, "10,000 images of bars that overlap, 4 x 4 bits; drawn, needs no download", levels=2
)
