"""Charts as inline SVG: scales, round ticks, lines. Colours are CSS classes, so charts follow the page into the dark."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from latentia.report.figures import MINUS
from latentia.report.markup import Markup, Value, join, short, tag

Point = tuple[float, float]


@dataclass(frozen=True)
class Scale:
    """Maps [low, high] of the data onto [start, end] of the picture, linearly."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def inside(self, value: float) -> bool:
        """Whether a value falls within the picture."""
        return self.low <= value <= self.high

    def ticks(self, about: int = 5) -> list[float]:
        """Round numbers within the range."""
        return nice_ticks(self.low, self.high, about)


@dataclass(frozen=True)
class Frame:
    """A picture's size and its two scales; y grows upwards in the data, downwards on the screen."""

    width: float
    height: float
    x: Scale
    y: Scale

    def at(self, x: float, y: float) -> Point:
        """Where a pair of data values lands."""
        return self.x(x), self.y(y)


def frame(width: float, height: float, x: Point, y: Point, margins: tuple[float, float, float, float]) -> Frame:
    """A frame from data ranges (low, high) and margins (top, right, bottom, left)."""
    top, right, bottom, left = margins
    return Frame(width, height, Scale(*x, left, width - right), Scale(*y, height - bottom, top))


def nice_step(span: float, about: int) -> float:
    """1, 2 or 5 times a power of ten, so that about ``about`` steps make up ``span``.

    >>> nice_step(37.0, 5), nice_step(0.9, 5)
    (10.0, 0.2)
    """
    raw = span / max(1, about)
    power = 10.0 ** math.floor(math.log10(raw))
    return next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= raw * 0.999)


def nice_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from ``low`` to ``high``.

    >>> nice_ticks(-103.0, -79.0, 3)
    [-100.0, -90.0, -80.0]
    """
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low]
    step = nice_step(high - low, about)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def tick_labels(ticks: Sequence[float]) -> list[str]:
    """Ticks as text, all with the decimals that the step needs.

    >>> tick_labels([0.0, 0.5, 1.0])
    ['0.0', '0.5', '1.0']
    """
    step = min((b - a for a, b in pairwise(ticks)), default=abs(ticks[0]) or 1.0)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    return [f"{tick:,.{min(decimals, 6)}f}".replace("-", MINUS) for tick in ticks]


def padded(values: Iterable[float], share: float = 0.06) -> Point:
    """The range of the finite values with a little room around it; (0, 1) where there are none."""
    finite = [v for v in values if math.isfinite(v)]
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    room = (high - low) * share or max(abs(high), 1.0) * share
    return low - room, high + room


def svg(f: Frame, label: str, *children: str, css: str = "chart", grow: float = 1.0) -> Markup:
    """The element itself; ``label`` is what a screen reader says, ``grow`` how far it may be enlarged."""
    box = f"0 0 {short(f.width)} {short(f.height)}"
    attributes: dict[str, Value] = {"class": css, "viewBox": box, "role": "img", "aria-label": label}
    return tag("svg", attributes | {"style": f"max-width:{short(f.width * grow)}px"}, *children)


STANDALONE = """
text { font: 12px system-ui, sans-serif; fill: #777 }
.name { fill: #555 } .halo { font-weight: 600 }
.rule { stroke: #8883 } .axis { stroke: #888 } .whisker { stroke-width: 1.6 }
.ours { fill: #0072b2; stroke: #0072b2 } .best { fill: #d55e00; stroke: #d55e00 } .name.ours, .name.best { stroke: none }
@media (prefers-color-scheme: dark) { text { fill: #aaa } .name { fill: #ccc } }
"""


def standalone(picture: Markup, style: str = STANDALONE) -> Markup:
    """A picture as a file of its own, with the style sheet that the page would have given it."""
    start, end = picture.split(">", 1)
    named = start.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return Markup(f"{named}>{tag('style', None, Markup(style))}{end}")


def text(x: float, y: float, words: str, css: str = "tick", anchor: str = "start") -> Markup:
    """Words at a place; ``anchor`` is start, middle or end."""
    return tag("text", {"class": css, "x": x, "y": y, "text-anchor": None if anchor == "start" else anchor}, words)


def segment(start: Point, end: Point, css: str) -> Markup:
    """A straight line."""
    return tag("line", {"class": css, "x1": start[0], "y1": start[1], "x2": end[0], "y2": end[1]})


def circle(at: Point, radius: float, css: str, title: str = "") -> Markup:
    """A disc, with a tooltip where there is a title."""
    tip = [tag("title", None, title)] if title else []
    return tag("circle", {"class": css, "cx": at[0], "cy": at[1], "r": radius}, *tip)


def rect(x: float, y: float, width: float, height: float, css: str, title: str = "") -> Markup:
    """A rectangle, likewise."""
    tip = [tag("title", None, title)] if title else []
    return tag("rect", {"class": css, "x": x, "y": y, "width": width, "height": height}, *tip)


def line_path(points: Iterable[Point]) -> str:
    """The ``d`` of a line through points, broken wherever a coordinate is not finite.

    >>> line_path([(0, 0), (1, 2), (2, float("nan")), (3, 1)])
    'M0 0L1 2M3 1h0'
    """
    parts = []
    for finite, run in groupby(points, key=lambda p: math.isfinite(p[0]) and math.isfinite(p[1])):
        if finite:
            corners = [f"{short(x)} {short(y)}" for x, y in run]
            # A lone point is drawn as a dot by round line caps.
            parts.append("M" + "L".join(corners) + ("h0" if len(corners) == 1 else ""))
    return "".join(parts)


def line(points: Iterable[Point], css: str, clip: str | None = None, title: str = "") -> Markup:
    """A line through points in picture coordinates."""
    tip = [tag("title", None, title)] if title else []
    d = line_path(points)
    return tag("path", {"class": css, "d": d, "clip-path": f"url(#{clip})" if clip else None}, *tip) if d else Markup()


def clip_box(f: Frame, name: str) -> Markup:
    """A clip path named ``name``: the inside of the axes."""
    low, high = sorted((f.y.start, f.y.end))
    inside = tag("rect", {"x": f.x.start, "y": low - 2, "width": f.x.end - f.x.start + 4, "height": high - low + 4})
    return tag("clipPath", {"id": name}, inside)


def y_axis(f: Frame, about: int = 4, whole: bool = False) -> Markup:
    """Faint lines across the picture, each with its number at the left."""
    ticks = [t for t in f.y.ticks(about) if not whole or t == round(t)]
    rules = [segment((f.x.start, f.y(t)), (f.x.end, f.y(t)), "rule") for t in ticks]
    names = zip(ticks, tick_labels(ticks), strict=True)
    return join(*rules, *(text(f.x.start - 8, f.y(t) + 4, name, anchor="end") for t, name in names))


def x_axis(f: Frame, about: int = 5, ticks: Sequence[float] | None = None) -> Markup:
    """Small marks under the picture, each with its number."""
    chosen = list(ticks) if ticks is not None else f.x.ticks(about)
    bottom = f.y.start
    marks = [segment((f.x(t), bottom), (f.x(t), bottom + 4), "mark") for t in chosen]
    names = [text(f.x(t), bottom + 18, n, anchor="middle") for t, n in zip(chosen, tick_labels(chosen), strict=True)]
    return join(segment((f.x.start, bottom), (f.x.end, bottom), "axis"), *marks, *names)
