"""Held-out numbers: each with its error and a sentence, and a ruler on which they stand to one another."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from latentia.evaluation import ACTIVE_VARIANCE, Evaluation, Figure
from latentia.report.figures import P_X_Z, count, number, with_error
from latentia.report.markup import Markup, join, tag
from latentia.report.material import Material
from latentia.report.section import Section, paragraphs
from latentia.report.svg import Frame, circle, frame, padded, segment, svg, text, x_axis

WIDTH, HEIGHT, GROW = 440.0, 122.0, 1.22
# Where the marks of the ruler stand; two levels, so that errors that overlap are both seen.
UPPER, LOWER = 46.0, 66.0
# Above this Pareto shape the mean of the weights has no useful error (Vehtari et al. 2024).
K_HAT_LIMIT = 0.7
# Within this many nats of log(rows), the estimate of the mutual information is at its ceiling.
NEAR_CEILING = 0.3


class Row(NamedTuple):
    """A line of the table."""

    name: Markup
    value: str
    unit: str
    meaning: str


def heldout(material: Material) -> Section:
    """The table, and the ruler above it."""
    e = material.content.evaluation
    if e is None:
        return Section("numbers", "Held-out numbers", paragraphs("This run has not been evaluated on held-out rows."))
    caption = paragraphs(
        f"Means over {count(e.rows, e.split + ' row')} ± one standard error, with {count(e.draws, 'draw')} of the latents a "
        "row. Nats; higher is better unless said otherwise.",
        _verdict(e),
    )
    return Section("numbers", "Held-out numbers", caption, join(_ruler(e), _table(e)))


def _verdict(e: Evaluation) -> str:
    gap = e.log_px.value - e.elbo.value
    if not math.isfinite(gap):
        return ""
    trusted = e.k_hat is None or e.k_hat < K_HAT_LIMIT
    doubt = "" if trusted else " The Pareto k̂ says that more draws would still raise it."
    return f"The bound lies {number(gap)} nats below the weighted estimate: what this posterior gives away, at least.{doubt}"


def _table(e: Evaluation) -> Markup:
    cells = (
        tag(
            "tr",
            None,
            tag("th", {"scope": "row"}, row.name),
            tag("td", {"class": "value"}, row.value),
            tag("td", {"class": "unit"}, row.unit),
            tag("td", {"class": "meaning"}, row.meaning),
        )
        for row in _rows(e)
    )
    return tag("table", {"class": "numbers"}, tag("tbody", None, *cells))


def _rows(e: Evaluation) -> Iterator[Row]:
    yield Row(Markup("ELBO"), with_error(*e.elbo), "nats", "A lower bound on log p(x); what training raises.")
    weighted = f"The importance-weighted mean of {count(e.draws, 'draw')}: still at most log p(x) on average, and closer."
    yield Row(Markup("log p(x) ≥"), with_error(*e.log_px), "nats", weighted)
    gap = number(e.log_px.value - e.elbo.value)
    yield Row(Markup("gap"), gap, "nats", "What lies between the two; zero only where the posterior is exact.")
    fit = f"How well a row is predicted from its own latents: E log {P_X_Z}."
    yield Row(Markup("reconstruction"), with_error(*e.reconstruction), "nats", fit)
    cost = "What it costs to say the latents: KL from posterior to prior; lower is shorter."
    yield Row(Markup("rate"), with_error(*e.rate), "nats", cost)
    if e.bits_per_dim is not None:
        bits = "The ELBO as a code length for each value of a row; lower is better."
        yield Row(Markup("bits a value"), with_error(*e.bits_per_dim), "bits", bits)
    latents = len(e.variance_of_mean)
    rule = f"Latents whose posterior mean varies over rows by more than {ACTIVE_VARIANCE}."
    yield Row(Markup("active latents"), f"{e.active_units} of {latents}", "", rule)
    yield Row(Markup("mutual information"), with_error(*e.mutual_information), "nats", _information(e))
    if e.k_hat is not None:
        share = "" if e.k_hat_bad is None else f" It is above {K_HAT_LIMIT} in {e.k_hat_bad:.0%} of {e.k_hat_rows} rows."
        words = f"Median shape of the weights' tail; above {K_HAT_LIMIT} the weighted figure is not to be trusted.{share}"
        yield Row(Markup("Pareto k̂"), number(e.k_hat), "", words)


def _information(e: Evaluation) -> str:
    ceiling = math.log(max(1, min(e.rows, 1000)))
    words = "What the latents of a row tell about which row it is."
    if ceiling - e.mutual_information.value < NEAR_CEILING:
        return f"{words} It is at its ceiling, log of the rows = {number(ceiling)}: the truth may be higher."
    return words


def _ruler(e: Evaluation) -> Markup:
    """ELBO, log p(x) and reconstruction on one axis, with the rate as what lies between."""
    figures = (e.elbo, e.log_px, e.reconstruction)
    reach = [v + sign * (err if math.isfinite(err) else 0.0) for v, err in figures for sign in (-1, 1)]
    if not all(map(math.isfinite, reach)):
        return Markup()
    f = frame(WIDTH, HEIGHT, padded(reach, 0.04), (0, 1), (8, 108, 30, 46))
    bracket = _bracket(f, e.elbo.value, e.reconstruction.value, f"rate {number(e.rate.value, 1)}")
    marks = (
        _mark(f, e.elbo, UPPER, "ELBO", "ours", -1),
        _mark(f, e.log_px, LOWER, "log p(x) ≥", "best", 1),
        _mark(f, e.reconstruction, UPPER, "reconstruction", "theirs", 1),
    )
    unit = text(f.x.end + 24, f.y.start + 18, "nats", "tick")
    return svg(f, "ELBO, log p(x) and reconstruction on one axis", x_axis(f, 6), unit, bracket, *marks, grow=GROW)


def _mark(f: Frame, figure: Figure, level: float, name: str, css: str, side: int) -> Markup:
    """A dot, one standard error to each side, and its name beyond the error on one side."""
    error = figure.error if math.isfinite(figure.error) else 0.0
    low, high = f.x(figure.value - error), f.x(figure.value + error)
    end = max(high, f.x(figure.value) + 5) + 8 if side > 0 else min(low, f.x(figure.value) - 5) - 8
    return join(
        segment((low, level), (high, level), f"whisker {css}"),
        circle((f.x(figure.value), level), 4.5, f"dot {css}", f"{name} {with_error(*figure)} nats"),
        text(end, level + 4, name, f"name halo {css}", "start" if side > 0 else "end"),
    )


def _bracket(f: Frame, low: float, high: float, words: str) -> Markup:
    """From one value to another, with what lies between them in words."""
    a, b, top = f.x(low), f.x(high), UPPER - 24
    parts = [segment((a, top), (b, top), "bracket")]
    parts += [segment((x, top), (x, UPPER - 9), "bracket") for x in (a, b)]
    return join(*parts, text((a + b) / 2, top - 6, words, "tick", "middle"))
