"""The ladder as a picture: a row a rung, how far its bound lies below log p(x), what it costs."""

import math

from latentia.evaluation import Figure, Ladder, Rung
from latentia.report.figures import number, with_error
from latentia.report.markup import Markup, join
from latentia.report.svg import Frame, circle, frame, padded, segment, svg, text, x_axis

WIDTH, ROW, TOP, BOTTOM, LEFT, RIGHT = 640.0, 26.0, 34.0, 52.0, 130.0, 120.0


def ladder_chart(ladder: Ladder) -> Markup:
    """Dots with one standard error to each side; nats from left to right, so that better is further right."""
    pairs = [_marks(rung, ladder.own_training) for rung in ladder.rungs]
    reach = [v + sign * _error(e) for marks in pairs for _, (v, e) in marks for sign in (-1, 1)]
    if not ladder.own_training:
        reach.append(0.0)
    height = TOP + ROW * len(ladder.rungs) + BOTTOM
    f = frame(WIDTH, height, padded(reach), (float(len(ladder.rungs)), 0.0), (TOP, RIGHT, BOTTOM, LEFT))
    rows = (_row(f, k + 0.5, rung, marks) for k, (rung, marks) in enumerate(zip(ladder.rungs, pairs, strict=True)))
    own, one = "bound, and log p(x) of the rung's own model", "bound less log p(x)"
    what = f"{own if ladder.own_training else one}, nats a row"
    foot = text((f.x.start + f.x.end) / 2, f.y.start + 40, what, anchor="middle")
    head = text(WIDTH - 4, TOP - 14, "s/1,000 rows", anchor="end")
    zero = Markup() if ladder.own_training else _truth(f)
    return svg(f, f"Ways of inferring z, {what}", x_axis(f, 6), zero, *rows, foot, head, grow=1.1)


def _marks(rung: Rung, own: bool) -> list[tuple[str, Figure]]:
    if own and rung.log_px is not None:
        return [("best", rung.log_px), ("ours", rung.bound)]
    return [("ours", Figure(-rung.gap.value, rung.gap.error))]


def _row(f: Frame, level: float, rung: Rung, marks: list[tuple[str, Figure]]) -> Markup:
    y = f.y(level)
    parts = [segment((f.x.start, y), (f.x.end, y), "rule"), text(f.x.start - 10, y + 4, rung.name, "name", "end")]
    for css, figure in marks:
        if math.isfinite(figure.value):
            error = _error(figure.error)
            parts.append(segment((f.x(figure.value - error), y), (f.x(figure.value + error), y), f"whisker {css}"))
            told = f"{rung.name}: {with_error(*figure)} nats; {rung.about}"
            parts.append(circle((f.x(figure.value), y), 4.5, f"dot {css}", told))
    parts.append(text(WIDTH - 4, y + 4, number(rung.seconds), anchor="end"))
    return join(*parts)


def _truth(f: Frame) -> Markup:
    at = f.x(0.0)
    return join(
        segment((at, f.y.end), (at, f.y.start), "axis"),
        text(at, f.y.end - 8, "log p(x)", "name best", "middle"),
    )


def _error(error: float) -> float:
    return error if math.isfinite(error) else 0.0
