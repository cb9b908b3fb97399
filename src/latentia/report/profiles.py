"""Vectors: each event as a line through its values, because a dozen numbers have a shape that an eye can compare."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Size, Tensor
from torch.nn import functional

from latentia.report.display import Display, Sprite, Strip
from latentia.report.markup import Markup, join, tag
from latentia.report.svg import Frame, circle, frame, line, padded, segment, svg

WIDTH, HEIGHT = 140.0, 72.0
PANEL_WIDTH, PANEL_HEIGHT = 230.0, 120.0
SHEET, SHEET_CELLS = 640.0, 9
# Beyond this ratio of the largest to the smallest spread, raw values would show one feature and flatten the others.
UNEVEN = 20.0
MOST_DOTS = 40
# Longer events are drawn as this many averages of neighbours.
MOST_POINTS = 300
SAVED, INK = (120, 64), 40
# Blue over grey to orange: told apart by every kind of eye, in light and in dark.
RAMP = ((0x2B, 0x6C, 0xB8), (0x9A, 0x9A, 0x9A), (0xD9, 0x6A, 0x1C))


class Profiles(Display):
    """Events of any shape, flattened in row-major order and drawn as a line from the first value to the last.

    Args:
        shape: of one event.
        sample: (n, *shape) some rows, by which the scale is decided.
    """

    noun = "profile"
    across = 5

    def __init__(self, shape: Size, sample: Tensor) -> None:
        self.n_values = shape.numel()
        self.n_points = min(self.n_values, MOST_POINTS)
        flat = sample.float().cpu().flatten(1)
        spread = flat.std(0, correction=0)
        alive = spread[spread > 0]
        self.standardized = len(alive) > 1 and float(alive.max() / alive.min()) > UNEVEN
        self.center = flat.mean(0) if self.standardized else torch.zeros(self.n_values)
        self.spread = spread.clamp_min(1e-12) if self.standardized else torch.ones(self.n_values)
        low, high = torch.quantile(self._scaled(sample), torch.tensor([0.002, 0.998])).tolist()
        self.range = padded([low, high], 0.15)
        self.key = "dots are the row, the line is its reconstruction"
        if self.standardized:
            self.key += "; each value is centred and divided by its spread over rows"
        if self.n_points < self.n_values:
            self.key += f"; its {self.n_values:,} values are drawn as {self.n_points} averages of neighbours"

    def cells(self, xs: Tensor, titles: Sequence[str]) -> Markup:
        f = self._frame(WIDTH, HEIGHT)
        rows = zip(self._scaled(xs), titles, strict=True)
        return self._grid(svg(f, title, self._ground(f), self._line(f, x, "line ours", title)) for x, title in rows)

    def pairs(self, originals: Tensor, copies: Tensor, titles: Sequence[str]) -> Markup:
        f = self._frame(WIDTH, HEIGHT)
        both = zip(self._scaled(originals), self._scaled(copies), titles, strict=True)
        return self._grid(
            svg(f, title, self._ground(f), self._line(f, b, "line ours", title), self._dots(f, a)) for a, b, title in both
        )

    def strips(self, strips: Sequence[Strip], ends: tuple[str, str, str]) -> Markup:
        f = self._frame(PANEL_WIDTH, PANEL_HEIGHT)
        panels = tag("div", {"class": "panels walks"}, *(self._panel(f, strip) for strip in strips))
        swatches = (tag("span", {"class": "swatch", "style": f"--c:{ramp(share)}"}) for share in (0.0, 0.5, 1.0))
        keys = (tag("li", None, swatch, end) for swatch, end in zip(swatches, ends, strict=True))
        return join(panels, tag("ul", {"class": "legend"}, *keys))

    def cover(self, xs: Tensor, titles: Sequence[str]) -> Markup:
        return Markup()

    def cover_length(self) -> int:
        return 0

    def sheet(self, xs: Tensor, label: str) -> Markup:
        rows, columns = xs.shape[:2]
        wide, tall = SHEET / columns, SHEET / rows
        inner = frame(wide, tall, (0.0, max(1.0, self.n_points - 1.0)), self.range, (4, 4, 4, 4))
        values = self._scaled(xs.flatten(0, 1)).reshape(rows, columns, -1)
        cells = [
            tag(
                "g", {"transform": f"translate({c * wide:.1f} {r * tall:.1f})"}, self._line(inner, values[r, c], "line thin")
            )
            for r in range(rows)
            for c in range(columns)
        ]
        whole = frame(SHEET, SHEET, (0, 1), (0, 1), (0, 0, 0, 0))
        return svg(whole, label, *cells, css="chart sheet")

    def sheet_side(self) -> int:
        return SHEET_CELLS

    def sprite(self, xs: Tensor) -> Sprite | None:
        return None

    def raster(self, xs: Tensor) -> np.ndarray:
        wide, tall = SAVED
        low, high = self.range
        values = self._scaled(xs).numpy().astype(float)
        across = np.linspace(0, max(0, self.n_points - 1), wide)
        pages = np.full((len(values), tall, wide, 1), 255, np.uint8)
        for page, x in zip(pages, values, strict=True):
            y = (high - np.interp(across, np.arange(self.n_points), x)) / (high - low) * (tall - 1)
            # The distance to a steep line is shorter across than down.
            away = np.abs(np.arange(tall)[:, None] - y) / np.hypot(1, np.gradient(y))
            page[..., 0] = (np.clip(away - 0.5, 0, 1) * (255 - INK) + INK).round()
        return pages

    def _scaled(self, xs: Tensor) -> Tensor:
        scaled = (xs.float().cpu().flatten(1) - self.center) / self.spread
        return functional.adaptive_avg_pool1d(scaled, self.n_points)

    def _frame(self, width: float, height: float) -> Frame:
        return frame(width, height, (0.0, max(1.0, self.n_points - 1.0)), self.range, (4, 5, 4, 5))

    def _points(self, f: Frame, x: Tensor) -> list[tuple[float, float]]:
        return [f.at(k, min(max(v, f.y.low), f.y.high)) for k, v in enumerate(x.tolist())]

    def _line(self, f: Frame, x: Tensor, css: str, title: str = "") -> Markup:
        return line(self._points(f, x), css, title=title)

    def _dots(self, f: Frame, x: Tensor) -> Markup:
        points = self._points(f, x)
        if len(points) > MOST_DOTS:
            return line(points, "line theirs")
        return join(*(circle(p, 2.3, "dot row") for p in points))

    def _ground(self, f: Frame) -> Markup:
        level = 0.0 if f.y.inside(0.0) else f.y.low
        return segment((f.x.start, f.y(level)), (f.x.end, f.y(level)), "rule")

    def _grid(self, children: Iterable[Markup]) -> Markup:
        return tag("div", {"class": "profiles"}, *children)

    def _panel(self, f: Frame, strip: Strip) -> Markup:
        n = len(strip.xs)
        lines = []
        for k, (x, title) in enumerate(zip(self._scaled(strip.xs), strip.titles, strict=True)):
            path = self._line(f, x, "line here" if k == strip.here else "line", title)
            lines.append(tag("g", {"stroke": ramp(k / max(1, n - 1))}, path))
        ends = [] if strip.ends is None else [self._dots(f, x) for x in self._scaled(strip.ends)]
        picture = svg(f, "profiles along a walk", self._ground(f), *lines, *ends)
        return tag("figure", {"class": "panel"}, tag("figcaption", {"class": "label"}, strip.label), picture)


def ramp(share: float) -> str:
    """A colour from blue (0) over grey to orange (1).

    >>> ramp(0.0), ramp(1.0)
    ('#2b6cb8', '#d96a1c')
    """
    half, rest = divmod(share * 2, 1) if share < 1 else (1, 1.0)
    a, b = RAMP[int(half)], RAMP[int(half) + 1]
    return "#" + "".join(f"{round(p + (q - p) * rest):02x}" for p, q in zip(a, b, strict=True))
