"""Lines on two logarithmic axes, one panel beside another, as an SVG file that stands alone."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from latentia.report.markup import Markup, join, tag
from latentia.report.svg import Frame, Point, circle, frame, line, segment, standalone, svg, text

WIDTH, HEIGHT, KEY = 380.0, 300.0, 240.0
# Okabe & Ito's colours, told apart by the colour blind, on white as on black.
COLOURS = ("#d55e00", "#e69f00", "#cc79a7", "#0072b2", "#56b4e9", "#009e73", "#888888")
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #777 }
.title { font-weight: 600; fill: #555 }
.rule { stroke: #8883; stroke-width: 1 } .axis { stroke: #888 }
.line { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) { text { fill: #aaa } .title { fill: #ccc } }
"""


class Line(NamedTuple):
    """A named line through points (x, y), both positive."""

    name: str
    points: Sequence[Point]


def log_panels(panels: Mapping[str, Sequence[Line]], x: str, y: str) -> Markup:
    """Panels by title, with common axes named ``x`` and ``y`` and one key; the same name has the same colour everywhere."""
    every = [p for lines in panels.values() for each in lines for p in each.points if p[1] > 0]
    across = [math.log10(p[0]) for p in every] or [0.0]
    up = [math.log10(p[1]) for p in every] or [0.0]
    ranges = (min(across) - 0.05, max(across) + 0.05), (min(up) - 0.2, max(up) + 0.2)
    names = list(dict.fromkeys(each.name for lines in panels.values() for each in lines))
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    drawn = []
    for i, (title, lines) in enumerate(panels.items()):
        f = frame(WIDTH, HEIGHT, *ranges, margins=(40.0, 16.0, 48.0, 64.0))
        ticks = sorted({p[0] for each in lines for p in each.points})
        inside = join(
            _axes(f, ticks, title, x, y if i == 0 else ""), *(_drawn(f, each, colours[each.name]) for each in lines)
        )
        drawn.append(tag("g", {"transform": f"translate({i * WIDTH} 0)"}, inside))
    whole = frame(WIDTH * len(panels) + KEY, HEIGHT, *ranges, margins=(0.0, 0.0, 0.0, 0.0))
    return standalone(svg(whole, f"{y} against {x}", *drawn, _key(colours, WIDTH * len(panels))), STYLE)


def _axes(f: Frame, ticks: Sequence[float], title: str, x: str, y: str) -> Markup:
    powers = range(math.ceil(f.y.low), math.floor(f.y.high) + 1)
    step = max(1, len(powers) // 6)
    rules = [segment((f.x.start, f.y(p)), (f.x.end, f.y(p)), "rule") for p in powers[::step]]
    heights = [_power(f.x.start - 8, f.y(p) + 4, p) for p in powers[::step]]
    places = [text(f.x(math.log10(t)), f.y.start + 18, f"{t:g}", anchor="middle") for t in ticks]
    foot = segment((f.x.start, f.y.start), (f.x.end, f.y.start), "axis")
    names = [
        text(f.x.start, 18, title, css="title"),
        text((f.x.start + f.x.end) / 2, f.y.start + 38, x, anchor="middle"),
        text(f.x.start - 8, 34, y) if y else Markup(),
    ]
    return join(*rules, foot, *heights, *places, *names)


def _power(x: float, y: float, exponent: int) -> Markup:
    raised = tag("tspan", {"dy": -5.0, "font-size": 9}, str(exponent).replace("-", "\N{MINUS SIGN}"))
    return tag("text", {"x": x, "y": y, "text-anchor": "end"}, "10", raised)


def _drawn(f: Frame, each: Line, colour: str) -> Markup:
    places = [f.at(math.log10(px), math.log10(py)) for px, py in each.points if py > 0]
    dots = [circle(at, 3, "dot") for at in places]
    return tag("g", {"stroke": colour, "fill": colour}, line(places, "line", title=each.name), *dots)


def _key(colours: Mapping[str, str], left: float) -> Markup:
    rows = []
    for i, (name, colour) in enumerate(colours.items()):
        y = 56.0 + 20 * i
        rows.append(tag("g", {"stroke": colour}, segment((left, y - 4), (left + 18, y - 4), "line")))
        rows.append(text(left + 24, y, name))
    return join(*rows)
