"""Images: tensors to bytes, the polarity of their ink, and grids of them."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Size, Tensor

from latentia.report.display import Display, Sprite, Strip
from latentia.report.markup import Markup, short, tag
from latentia.report.png import data_uri

# A cell is about this long on the screen, at a whole number of screen pixels for each of its own.
CELL, LARGEST_UNSCALED = 56, 96
FULL, PAGE, GAP = 1040, 744, 6
SAVED = 84
SPRITE_PIXELS, SPRITE_COLUMNS = 1_500_000, 50
SHEET, SHEET_CELLS = 640, 20
DARK_GROUND = 0.25


class Pictures(Display):
    """Grey or colour images of shape (1 or 3, height, width).

    Grey images on a black ground are shown as dark ink on a light one, originals and what is decoded alike; the style
    sheet turns the ink light again where the page is dark.

    Args:
        shape: (channels, height, width).
        sample: (n, *shape) some images, by which range and polarity are decided.
    """

    noun = "image"
    key = "each original stands above its reconstruction"

    def __init__(self, shape: Size, sample: Tensor) -> None:
        self.channels, self.height, self.width = shape
        low, high = float(sample.min()), float(sample.max())
        self.low, self.high = (0.0, 1.0) if (low >= 0 and high <= 1) or high <= low else (low, high)
        middle = float(self._unit(sample).median())
        self.inverted = self.channels == 1 and middle < DARK_GROUND
        self.ink = self.inverted or (self.channels == 1 and middle > 1 - DARK_GROUND)
        longest = max(self.height, self.width)
        zoom = max(1, round(CELL / longest)) if longest <= LARGEST_UNSCALED else CELL / longest
        self.cell = self.width * zoom
        self.across = self._fit(PAGE)

    def pixels(self, xs: Tensor) -> np.ndarray:
        """(n, channels, height, width) -> (n, height, width, channels) uint8, as shown on a light page."""
        unit = self._unit(xs)
        shown = 1 - unit if self.inverted else unit
        return (shown * 255).round().to(torch.uint8).movedim(1, -1).cpu().numpy()

    def cells(self, xs: Tensor, titles: Sequence[str]) -> Markup:
        images = (self._image(p, title) for p, title in zip(self.pixels(xs), titles, strict=True))
        return self._grid(images, "cells")

    def pairs(self, originals: Tensor, copies: Tensor, titles: Sequence[str]) -> Markup:
        both = zip(self.pixels(originals), self.pixels(copies), titles, strict=True)
        pairs = (
            tag("span", {"class": "pair"}, self._image(a, f"{title}: original"), self._image(b, f"{title}: reconstruction"))
            for a, b, title in both
        )
        return self._grid(pairs, "cells pairs")

    def strips(self, strips: Sequence[Strip], ends: tuple[str, str, str]) -> Markup:
        names = tag("div", {"class": "ends"}, *(tag("span", None, end) for end in ends))
        empty = tag("div", {"class": "label"})
        scale = [tag("div", {"class": "strip"}, empty, self._row([names], strip)) for strip in strips[:1]]
        return tag("div", {"class": "strips"}, *(self._strip(strip) for strip in strips), *scale)

    def cover(self, xs: Tensor, titles: Sequence[str]) -> Markup:
        images = (self._image(p, title) for p, title in zip(self.pixels(xs), titles, strict=True))
        return self._grid(images, "cells", len(xs))

    def cover_length(self) -> int:
        return self._fit(FULL)

    def sheet(self, xs: Tensor, label: str) -> Markup:
        rows, columns = xs.shape[:2]
        pixels = self.pixels(xs.flatten(0, 1))
        # Ink that fills its cell would run into the next one.
        air = max(1, min(self.height, self.width) // 16) if self.ink else 0
        pixels = np.pad(pixels, ((0, 0), (0, air), (0, air), (0, 0)), constant_values=255)
        height, width = self.height + air, self.width + air
        cells = pixels.reshape(rows, columns, height, width, self.channels)
        whole = cells.swapaxes(1, 2).reshape(rows * height, columns * width, self.channels)
        zoom = max(1, SHEET // max(whole.shape[:2]))
        style = f"width:{whole.shape[1] * zoom}px"
        return tag("img", {"class": self._css("sheet"), "src": data_uri(whole), "alt": label, "style": style})

    def sheet_side(self) -> int:
        return max(8, min(SHEET_CELLS, SHEET // max(self.height, self.width)))

    def sprite(self, xs: Tensor) -> Sprite | None:
        n = min(len(xs), SPRITE_PIXELS // (self.height * self.width * self.channels))
        if not n:
            return None
        columns = min(SPRITE_COLUMNS, n)
        pixels = self.pixels(xs[:n])
        empty = -n % columns
        pixels = np.concatenate([pixels, np.full((empty, *pixels.shape[1:]), 255, np.uint8)])
        grid = pixels.reshape(-1, columns, self.height, self.width, self.channels).swapaxes(1, 2)
        whole = grid.reshape(-1, columns * self.width, self.channels)
        return Sprite(data_uri(whole), columns, self.width, self.height, n, self._css())

    def raster(self, xs: Tensor) -> np.ndarray:
        zoom = max(1, round(SAVED / max(self.height, self.width)))
        return self.pixels(xs).repeat(zoom, 1).repeat(zoom, 2)

    def _unit(self, xs: Tensor) -> Tensor:
        return ((xs.float() - self.low) / (self.high - self.low)).nan_to_num(0.5).clamp(0, 1)

    def _css(self, *names: str) -> str:
        return " ".join([*names, *(["ink"] if self.ink else [])])

    def _image(self, pixels: np.ndarray, title: str, css: str = "") -> Markup:
        size = {"width": self.width, "height": self.height}
        image = tag("img", {"class": self._css("cell"), "src": data_uri(pixels), "alt": title, "title": title, **size})
        # The mark goes around the image, where neither inversion nor blending reaches it.
        return tag("span", {"class": css}, image) if css else image

    def _fit(self, width: float) -> int:
        """Cells across a width: an even number, so that half of them make a row on a narrow screen."""
        return max(2, int((width + GAP) // (self.cell + GAP)) // 2 * 2)

    def _grid(self, children: Iterable[Markup], css: str, across: int | None = None) -> Markup:
        across = across or self.across
        style = f"--cell:{short(self.cell)}px;--across:{across};--half:{across // 2}"
        return tag("div", {"class": css, "style": style}, *children)

    def _strip(self, strip: Strip) -> Markup:
        walk = enumerate(zip(self.pixels(strip.xs), strip.titles, strict=True))
        images = [self._image(p, title, "here" if k == strip.here else "") for k, (p, title) in walk]
        if strip.ends is not None:
            first, last = (self._image(p, "a row of the data") for p in self.pixels(strip.ends))
            images = [first, tag("span"), *images, tag("span"), last]
        return tag("div", {"class": "strip"}, tag("div", {"class": "label"}, strip.label), self._row(images, strip))

    def _row(self, children: Sequence[Markup], strip: Strip) -> Markup:
        css = "row" if strip.ends is None else "row ended"
        return tag("div", {"class": css, "style": f"--cell:{short(self.cell)}px;--n:{len(strip.xs)}"}, *children)
