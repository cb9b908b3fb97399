"""What each latent carries: KL a dimension, sorted, and which ones are switched off (Burda et al. 2016)."""

from math import isfinite

from latentia.evaluation import ACTIVE_VARIANCE
from latentia.report.figures import count, latent, listed, number
from latentia.report.markup import Markup, join
from latentia.report.material import Material
from latentia.report.section import Section, paragraphs
from latentia.report.svg import frame, rect, segment, svg, text, x_axis, y_axis

WIDTH, ROW, GROW = 440.0, 21.0, 1.22
# More latents than this are drawn as columns without names.
MOST_ROWS, MOST_COLUMNS = 32, 400
TALL = 240.0
MOST_NAMED = 8


def latents(material: Material) -> Section:
    """Bars from the latent that says most to the one that says least."""
    variance, kl = material.variance, material.kl
    values = kl or variance
    if values is None or variance is None:
        return Section("latents", "What each latent carries", paragraphs(material.why_not))
    order, active = material.order, set(material.active)
    quantity = "KL, nats a row" if kl else "variance of the posterior mean over rows"
    draw = _bars if len(order) <= MOST_ROWS else _columns
    picture = draw(order, values, variance, active, quantity)
    return Section("latents", "What each latent carries", _caption(order, values, active, kl is not None), picture)


def _caption(order: list[int], values: list[float], active: set[int], has_kl: bool) -> Markup:
    dead = [d for d in order if d not in active]
    if not dead:
        first = f"All {len(order)} latents are in use." if len(order) > 1 else "The one latent is in use."
    else:
        names = f" ({listed([latent(d) for d in sorted(dead)])})" if len(dead) <= MOST_NAMED else ""
        verb = "is" if len(dead) == 1 else "are"
        first = (
            f"{len(dead)} of {count(len(order), 'latent')}{names} {verb} switched off: the posterior mean hardly moves with "
            f"the row (variance at most {ACTIVE_VARIANCE})."
        )
        if has_kl:
            cost = number(sum(values[d] for d in dead if isfinite(values[d])))
            first += f" {'It costs' if len(dead) == 1 else 'Together they cost'} {cost} nats."
    total = sum(v for v in values if isfinite(v))
    second = ""
    if has_kl and total > 0:
        second = f"{latent(order[0])} alone accounts for {number(values[order[0]])} of {number(total)} nats."
    if not has_kl:
        second = (
            "Posterior and prior do not factorize over latents, so the spread of the posterior mean stands in for the KL."
        )
    return paragraphs(first, second)


def _title(d: int, values: list[float], variance: list[float], has_kl: bool) -> str:
    kl = f"KL {number(values[d], 3)} nats, " if has_kl else ""
    return f"{latent(d)}: {kl}variance of the mean {number(variance[d], 3)}"


def _bars(order: list[int], values: list[float], variance: list[float], active: set[int], quantity: str) -> Markup:
    has_kl = quantity.startswith("KL")
    highest = max([v for v in values if isfinite(v)], default=1.0) or 1.0
    height = 26 + ROW * len(order) + 6
    f = frame(WIDTH, height, (0.0, highest), (0, 1), (26, 70, 6, 40))
    body = [text(0, 14, quantity, "heading")]
    for k, d in enumerate(order):
        top = 26 + ROW * k
        value = values[d] if isfinite(values[d]) else 0.0
        off = d not in active
        wide = max(1.0, f.x(max(0.0, value)) - f.x.start)
        css = "bar off" if off else "bar"
        body.append(text(f.x.start - 10, top + 16, latent(d), "name" + (" off" if off else ""), "end"))
        body.append(rect(f.x.start, top + 4, wide, ROW - 9, css, _title(d, values, variance, has_kl)))
        words = number(values[d], 2) + ("  off" if off else "")
        body.append(text(f.x.start + wide + 7, top + 16, words, "tick"))
    return svg(f, f"{quantity} of each latent", *body, grow=GROW)


def _columns(order: list[int], values: list[float], variance: list[float], active: set[int], quantity: str) -> Markup:
    has_kl = quantity.startswith("KL")
    shown = order[:MOST_COLUMNS]
    highest = max([v for v in values if isfinite(v)], default=1.0) or 1.0
    f = frame(WIDTH, TALL, (0.0, float(len(shown))), (0.0, highest * 1.05), (30, 10, 44, 46))
    body = [text(0, 14, quantity, "heading"), y_axis(f), x_axis(f, 6)]
    wide = f.x(1) - f.x(0)
    gap = min(2.0, wide * 0.25)
    for k, d in enumerate(shown):
        value = max(0.0, values[d]) if isfinite(values[d]) else 0.0
        tall = max(0.75, f.y.start - f.y(value))
        css = "bar" if d in active else "bar off"
        body.append(rect(f.x(k) + gap / 2, f.y.start - tall, wide - gap, tall, css, _title(d, values, variance, has_kl)))
    n_active = sum(d in active for d in shown)
    if 0 < n_active < len(shown):
        x = f.x(n_active)
        body.append(
            join(segment((x, f.y.end), (x, f.y.start), "kept"), text(x + 6, f.y.end + 10, f"{n_active} active", "name"))
        )
    rest = f"latents, sorted; {len(order) - len(shown)} more are not drawn" if len(shown) < len(order) else "latents, sorted"
    body.append(text(f.x.end, f.y.start + 38, rest, "heading", "end"))
    return svg(f, f"{quantity} of each latent, sorted", *body, grow=GROW)
