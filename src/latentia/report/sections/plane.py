"""Reconstruction against rate, epoch by epoch, over lines of equal ELBO.

Alemi et al. (2018), Fixing a Broken ELBO.
"""

from math import inf, isfinite

from latentia.report.figures import P_X_Z, number, plain
from latentia.report.markup import Markup, join, tag
from latentia.report.material import Material
from latentia.report.section import Section, paragraphs
from latentia.report.series import column, epochs, focus
from latentia.report.svg import Frame, Point, circle, clip_box, frame, line, nice_step, svg, text, x_axis, y_axis
from latentia.report.words import part

WIDTH, HEIGHT, GROW = 440.0, 350.0, 1.22
MARGINS = (34.0, 30.0, 46.0, 52.0)
MOST_DOTS = 150
# About how wide a letter of a label is.
LETTER = 6.4


def plane(material: Material) -> Section:
    """The trajectory of the validation rows."""
    if part(material.content.recipe, "learner")[0] == "sleep":
        why = (
            "The posterior learned from what the model draws, and its validation figures are of such draws: no ELBO is seen."
        )
        return Section("plane", "Reconstruction and rate", paragraphs(why))
    history = material.content.history
    rates, fits = column(history, "valid_rate"), column(history, "valid_reconstruction")
    seen = [(e, r, d) for e, r, d in zip(epochs(history), rates, fits, strict=True) if isfinite(r) and isfinite(d)]
    if not seen:
        return Section("plane", "Reconstruction and rate", paragraphs("No epoch has both a rate and a reconstruction."))
    best = next((row for row in seen if row[0] == material.content.best_epoch), seen[-1])
    x_span, y_span = focus([r for _, r, _ in seen]), focus([d for _, _, d in seen])
    # A KL is not negative, though its estimate by draws may be.
    start = max(0.0, x_span[0]) if x_span[1] > 0 else x_span[0]
    f = frame(WIDTH, HEIGHT, (start, x_span[1]), y_span, MARGINS)
    diagonals = _diagonals(f)
    taken = [f.at(r, d) for _, r, d in seen] + [end for _, end, _ in diagonals]
    title = tag(
        "text",
        {"class": "heading", "x": 0, "y": 14},
        f"E log {P_X_Z}, nats a row",
        tag("tspan", {"class": "aside", "dx": 6}, "higher is better"),
    )
    picture = svg(
        f,
        "reconstruction against rate by epoch",
        join(title, clip_box(f, "clip-plane"), y_axis(f, 5), x_axis(f, 5), *(_diagonal(f, *d) for d in diagonals)),
        text(f.x.end, f.y.start + 40, "rate KL(q ‖ p), nats a row →", "heading", "end"),
        line([f.at(r, d) for _, r, d in seen], "trail", "clip-plane"),
        _dots(f, seen),
        _label(f, best, taken, kept=best[0] == material.content.best_epoch),
        grow=GROW,
    )
    words = (
        f"Each dot is an epoch on validation rows, from epoch {plain(seen[0][0])} to {plain(seen[-1][0])}; the ELBO is "
        "constant along the faint diagonals and grows towards the upper left. Later epochs are more solid."
    )
    spent = f"At epoch {plain(best[0])}, saying the latents of a row costs {number(best[1], 1)} nats"
    spent += f", and saying the row once they are known {number(-best[2], 1)} nats." if best[2] < 0 else "."
    return Section("plane", "Reconstruction and rate", paragraphs(words, spent), picture)


def _diagonals(f: Frame) -> list[tuple[Point, Point, float]]:
    """Lines of equal ELBO, reconstruction = rate + ELBO: (start, end, ELBO), in picture coordinates."""
    lowest, highest = f.y.low - f.x.high, f.y.high - f.x.low
    step = nice_step(highest - lowest, 7)
    out = []
    for k in range(int(lowest // step) + 1, int(highest // step) + 1):
        elbo = k * step
        left, right = max(f.x.low, f.y.low - elbo), min(f.x.high, f.y.high - elbo)
        # One that only cuts a corner is left out.
        if right - left > 0.12 * (f.x.high - f.x.low):
            out.append((f.at(left, left + elbo), f.at(right, right + elbo), elbo))
    return out


def _diagonal(f: Frame, start: Point, end: Point, elbo: float) -> Markup:
    on_top = end[0] < f.x.end - 0.5
    x, y, anchor = (end[0], end[1] - 4, "middle") if on_top else (end[0] + 3, end[1] + 4, "start")
    decimals = 0 if elbo == round(elbo) else 1
    return join(line([start, end], "iso"), text(x, y, number(elbo, decimals), "aside small", anchor))


def _dots(f: Frame, seen: list[tuple[float, float, float]]) -> Markup:
    stride = -(-len(seen) // MOST_DOTS)
    dots = []
    for k, (epoch, rate, fit) in enumerate(seen[::stride]):
        if f.x.inside(rate) and f.y.inside(fit):
            title = f"epoch {plain(epoch)}: rate {number(rate)}, reconstruction {number(fit)}, ELBO {number(fit - rate)}"
            later = 0.25 + 0.75 * k * stride / len(seen)
            dots.append(tag("g", {"opacity": later}, circle(f.at(rate, fit), 2.8, "dot ours", title)))
    return join(*dots)


def _label(f: Frame, row: tuple[float, float, float], taken: list[Point], kept: bool) -> Markup:
    epoch, rate, fit = row
    if not (f.x.inside(rate) and f.y.inside(fit)):
        return Markup()
    at = f.at(rate, fit)
    words = f"epoch {plain(epoch)}{', kept' if kept else ''}: ELBO {number(fit - rate, 1)}"
    x, y, anchor = _free_place(f, at, LETTER * len(words), taken)
    return join(circle(at, 5, "dot best"), text(x, y, words, "name halo", anchor))


def _free_place(f: Frame, at: Point, wide: float, taken: list[Point]) -> tuple[float, float, str]:
    """The place around ``at`` where words cover the fewest dots, with the anchor that puts them there."""
    best = (inf, 0.0, 0.0, "start")
    for dy in (-12.0, 20.0, -26.0, 34.0, 4.0):
        for side, anchor in ((1, "start"), (-1, "end")):
            x, y = at[0] + 11 * side, at[1] + dy
            left, right = (x, x + wide) if side > 0 else (x - wide, x)
            covered = sum(left - 4 <= px <= right + 4 and y - 14 <= py <= y + 6 for px, py in taken)
            # Words must stay in the picture; half a dot stands for the distance.
            off = 1000 * (left < f.x.start - 30 or right > f.width or y < f.y.end - 4 or y > f.y.start)
            best = min(best, (covered + off + abs(dy) / 40, x, y, anchor))
    return best[1:]
