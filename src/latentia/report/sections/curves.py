"""Learning curves: the bound, the rate, and what else changed from epoch to epoch, as small multiples."""

from collections.abc import Sequence
from math import isfinite
from typing import NamedTuple

from latentia.report.figures import count, number, plain
from latentia.report.markup import Markup, join, tag
from latentia.report.material import Material
from latentia.report.section import Section, paragraphs
from latentia.report.series import at_epoch, column, epochs, focus, outside, varies
from latentia.report.svg import (
    Frame,
    circle,
    clip_box,
    frame,
    line,
    nice_ticks,
    padded,
    rect,
    segment,
    svg,
    text,
    x_axis,
    y_axis,
)

WIDTH, HEIGHT = 360.0, 236.0
MARGINS = (34.0, 54.0, 34.0, 46.0)
# Each epoch answers to the pointer; with more of them than this, every second, third, ... does.
MOST_HITS = 150
LINE_APART = 14.0


class Curve(NamedTuple):
    """A line: its name, its CSS class and its values."""

    name: str
    css: str
    values: Sequence[float]


def curves(material: Material) -> Section:
    """Small multiples over epochs."""
    history, best = material.content.history, material.content.best_epoch
    if not history:
        return Section("curves", "Learning curves", paragraphs("There is no history of the training."))
    numbers = epochs(history)
    bound = [
        Curve("train", "theirs", column(history, "train_bound")),
        Curve("valid", "ours", column(history, "valid_bound")),
    ]
    rate = [Curve("train", "theirs", column(history, "train_rate")), Curve("valid", "ours", column(history, "valid_rate"))]
    beta = Curve("", "ours", column(history, "beta"))
    active = Curve("", "ours", column(history, "active_units"))
    span = focus(*(c.values for c in bound))
    panels = [_panel("bound", "Bound, nats a row ", "higher is better", numbers, bound, span, best, 1)]
    panels.append(_panel("rate", "Rate, KL in nats a row", "", numbers, rate, focus(*(c.values for c in rate)), best, 1))
    if varies(beta.values):
        panels.append(_panel("beta", "Effective β", "weight of the KL", numbers, [beta], padded(beta.values), best, 2))
    if varies(active.values):
        panels.append(_panel("active", "Active latents", "", numbers, [active], padded(active.values), best, 0))
    norm = Curve("", "ours", column(history, "grad_norm"))
    if len(panels) % 2 and varies(norm.values):
        panels.append(_panel("norm", "Gradient norm", "mean over the epoch", numbers, [norm], focus(norm.values), best, 2))
    below = sorted({x for c in bound for x in outside(numbers, c.values, span)})
    return Section("curves", "Learning curves", _caption(material, below), tag("div", {"class": "panels"}, *panels))


def _caption(material: Material, below: Sequence[float]) -> Markup:
    content = material.content
    train = at_epoch(content.history, content.best_epoch, "train_bound")
    valid = at_epoch(content.history, content.best_epoch, "valid_bound")
    first = f"{count(len(content.history), 'epoch')} were run."
    if len(content.history) == 1:
        first = "One epoch was run."
    if isfinite(valid):
        first = (
            f"The validation bound is highest at epoch {content.best_epoch}, {number(valid)} nats; those weights were kept."
        )
    gap = ""
    if isfinite(train) and isfinite(valid):
        gap = f"There, training rows stand {number(train - valid)} nats above validation rows: a measure of overfitting."
        if train < valid:
            gap = "There, training rows do not stand above validation rows: no overfitting to see."
    steady = column(content.history, "beta")
    beta = f"The effective β is {plain(steady[0])} throughout." if isfinite(steady[0]) and not varies(steady) else ""
    hidden = f"The first {count(len(below), 'epoch')} lie outside the picture of the bound." if below else ""
    if len(below) == 1:
        hidden = f"Epoch {plain(below[0])} lies outside the picture of the bound."
    return paragraphs(first, gap, beta, hidden)


def _panel(
    name: str,
    title: str,
    direction: str,
    xs: Sequence[float],
    lines: Sequence[Curve],
    span: tuple[float, float],
    best: int | None,
    decimals: int,
) -> Markup:
    ends = (xs[0], xs[-1]) if xs[-1] > xs[0] else (xs[0] - 1, xs[0] + 1)
    f = frame(WIDTH, HEIGHT, ends, span, MARGINS)
    clip = f"clip-{name}"
    ticks = [t for t in nice_ticks(*ends, 4) if t == round(t) and t > 0]
    drawn = [line([f.at(x, y) for x, y in zip(xs, c.values, strict=True)], f"line {c.css}", clip) for c in lines]
    heading = tag("text", {"class": "heading", "x": 0, "y": 14}, title, tag("tspan", {"class": "aside", "dx": 6}, direction))
    body = [
        heading,
        clip_box(f, clip),
        y_axis(f, whole=decimals == 0),
        x_axis(f, ticks=ticks),
        text(0, f.y.start + 18, "epoch", "tick"),
        *drawn,
        _best(f, xs, lines[-1], best),
        _names(f, lines),
        *_hits(f, xs, lines, decimals),
    ]
    return svg(f, f"{title} by epoch", *body)


def _best(f: Frame, xs: Sequence[float], curve: Curve, best: int | None) -> Markup:
    if best is None or best not in xs:
        return Markup()
    x, value = f.x(best), curve.values[list(xs).index(best)]
    mark = segment((x, f.y.end), (x, f.y.start), "kept")
    if not isfinite(value) or not f.y.inside(value):
        return mark
    return join(mark, circle((x, f.y(value)), 4.5, "dot best"))


def _names(f: Frame, lines: Sequence[Curve]) -> Markup:
    """Each curve's name at its right end, moved apart where they would overlap."""
    ends = []
    for c in lines:
        finite = [v for v in c.values if isfinite(v)]
        if c.name and finite:
            ends.append((min(max(f.y(finite[-1]), f.y.end), f.y.start), c))
    ends.sort(key=lambda e: e[0])
    places = []
    for k, (y, c) in enumerate(ends):
        y = y if k == 0 else max(y, places[-1][0] + LINE_APART)
        places.append((y, c))
    return join(*(text(f.x.end + 6, y + 4, c.name, f"name {c.css}") for y, c in places))


def _hits(f: Frame, xs: Sequence[float], lines: Sequence[Curve], decimals: int) -> list[Markup]:
    """An invisible band over each epoch, which names its values under the pointer."""
    stride = -(-len(xs) // MOST_HITS)
    wide = (f.x.end - f.x.start) / max(1, len(xs) - 1) * stride
    out = []
    for k in range(0, len(xs), stride):
        finite = [(c, c.values[k]) for c in lines if isfinite(c.values[k])]
        said = ", ".join(f"{c.name} {number(v, decimals)}".strip() for c, v in finite)
        x = f.x(xs[k])
        dots = [circle((x, f.y(v)), 3, f"dot {c.css}") for c, v in finite if f.y.inside(v)]
        band = rect(x - wide / 2, f.y.end, wide, f.y.start - f.y.end, "band")
        note = text(f.x.end, f.y.end - 4, f"epoch {plain(xs[k])}: {said}", "note", "end")
        out.append(tag("g", {"class": "hit"}, band, *dots, note))
    return out
