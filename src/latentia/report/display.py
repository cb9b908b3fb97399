"""How an event is shown. Sections ask a ``Display`` and never look at what kind of data it is."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from latentia.report.markup import Markup


class Strip(NamedTuple):
    """A walk through latent space, decoded.

    Attributes:
        label: what is walked along.
        xs: (n, *x_shape).
        titles: a tooltip for each.
        ends: (2, *x_shape) the rows that the walk connects, or None.
        here: which of ``xs`` is to be marked, or None.
    """

    label: Markup
    xs: Tensor
    titles: Sequence[str]
    ends: Tensor | None = None
    here: int | None = None


class Sprite(NamedTuple):
    """Many small pictures in one file, for the map to show one under the pointer.

    Attributes:
        uri: a data URI.
        columns: pictures in a row of it.
        width: of one picture, in pixels of the file.
        height: likewise.
        held: how many there are.
        css: a class for what is cut out of it, or nothing.
    """

    uri: str
    columns: int
    width: int
    height: int
    held: int
    css: str


class Display(ABC):
    """Draws events of one shape.

    Attributes:
        noun: what one event is called.
        across: how many cells make a full row.
        key: one sentence that says how to read a pair, or nothing.
    """

    noun: str
    across: int
    key: str

    @abstractmethod
    def cells(self, xs: Tensor, titles: Sequence[str]) -> Markup:
        """A grid: xs (n, *x_shape)."""

    @abstractmethod
    def pairs(self, originals: Tensor, copies: Tensor, titles: Sequence[str]) -> Markup:
        """A grid of originals, each with its copy: both (n, *x_shape)."""

    @abstractmethod
    def strips(self, strips: Sequence[Strip], ends: tuple[str, str, str]) -> Markup:
        """Walks, one below or beside the other, and what their two ends and their middle are."""

    @abstractmethod
    def cover(self, xs: Tensor, titles: Sequence[str]) -> Markup:
        """A band across the page: xs (``cover_length``, *x_shape)."""

    @abstractmethod
    def cover_length(self) -> int:
        """How many events a band holds; 0 where a band would be no ornament."""

    @abstractmethod
    def sheet(self, xs: Tensor, label: str) -> Markup:
        """A square plane: xs (rows, columns, *x_shape), the first row at the top."""

    @abstractmethod
    def sheet_side(self) -> int:
        """How many events a plane has along each side."""

    @abstractmethod
    def raster(self, xs: Tensor) -> np.ndarray:
        """xs (n, *x_shape) as pixels for a file: (n, height, width, channels) uint8 on white."""

    @abstractmethod
    def sprite(self, xs: Tensor) -> Sprite | None:
        """xs (n, *x_shape) in one file, or None where a thumbnail says nothing."""
