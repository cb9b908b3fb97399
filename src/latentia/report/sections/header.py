"""The head of the page: the name, one sentence with the number that matters, and a few figures."""

from math import isfinite

import torch

from latentia.evaluation import quiet
from latentia.report.figures import BLANK, count, duration, number, plain, with_error
from latentia.report.markup import Markup, join, tag
from latentia.report.material import SEED, Material
from latentia.report.probe import decode
from latentia.report.series import at_epoch, column, last

# Cells from one row of the walk on the cover to the next.
STEPS_BETWEEN = 4


def header(material: Material) -> Markup:
    """Title, summary, figures."""
    content = material.content
    stopped = tag("p", {"class": "banner", "role": "note"}, _interruption(material)) if content.interrupted else Markup()
    cards = (
        tag(
            "div",
            None,
            tag("dt", None, name),
            tag("dd", None, value, tag("span", {"class": "unit"}, f" {unit}") if unit else ""),
        )
        for name, value, unit in _cards(material)
    )
    return tag(
        "header",
        None,
        tag("p", {"class": "eyebrow"}, "Latentia report"),
        tag("h1", None, content.title),
        tag("p", {"class": "lead"}, _summary(material)),
        stopped,
        _cover(material),
        tag("dl", {"class": "cards"}, *cards),
    )


def _cover(material: Material) -> Markup:
    """A walk over a few rows of different labels, as a band across the page; nothing where there is no walk."""
    length, encoded = material.display.cover_length(), material.encoded
    rows = material.varied_rows(length // STEPS_BETWEEN + 1)
    if encoded is None or not material.walkable or encoded.batch.given is not None or len(rows) < 2 or not length:
        return Markup()
    content = material.content
    with quiet(content.model, content.posterior, SEED):
        stops = encoded.means[rows]
        place = torch.linspace(0, len(rows) - 1, length, device=stops.device)
        first = place.floor().long().clamp_max(len(rows) - 2)
        share = (place - first).unsqueeze(1)
        xs = decode(content.model, stops[first] + share * (stops[first + 1] - stops[first]))
    names = [material.label(row) for row in rows]
    words = "A walk through latent space" + (f": {', '.join(names)}." if all(names) else f" over {len(rows)} rows.")
    band = material.display.cover(xs, [f"step {k}" for k in range(length)])
    return tag("figure", {"class": "cover"}, band, tag("figcaption", None, words))


def _summary(material: Material) -> Markup:
    content, e = material.content, material.content.evaluation
    if e is not None and not isfinite(e.log_px.value):
        return join("Some draws of the posterior are impossible under the model, so that no bound on log p(x) is finite.")
    if e is not None:
        figure = tag("strong", None, f"{with_error(*e.log_px)} nats")
        return join(
            f"On {count(e.rows, ('' if e.split == 'train' else 'held-out ') + e.split + ' row')}, log p(x) is at least ",
            figure,
            f" a row; higher is better. {_in_use(e.active_units, len(e.variance_of_mean))}",
        )
    bound = at_epoch(content.history, content.best_epoch, "valid_bound")
    if not isfinite(bound):
        bound = last(column(content.history, "valid_bound"))
    if not isfinite(bound):
        return join("This run has no held-out numbers yet.")
    return join(
        "On validation rows the bound reached ", tag("strong", None, f"{number(bound)} nats"), " a row; higher is better."
    )


def _in_use(active: int, latents: int) -> str:
    if active == latents:
        return "The one latent is in use." if latents == 1 else f"All {latents} latents are in use."
    return f"{active or 'None'} of {count(latents, 'latent')} {'is' if active == 1 else 'are'} in use."


def _cards(material: Material) -> list[tuple[str, str, str]]:
    content, e = material.content, material.content.evaluation
    history = content.history
    beta, seconds, speed = (last(column(history, key)) for key in ("beta", "seconds", "rows_per_second"))
    cards = []
    if e is not None:
        cards.append(("ELBO", with_error(*e.elbo), "nats"))
        if e.bits_per_dim is not None:
            cards.append(("bits a value", with_error(*e.bits_per_dim), ""))
        cards.append(("rate", with_error(*e.rate), "nats"))
    cards.append(("effective β", plain(beta) if isfinite(beta) else BLANK, ""))
    epochs = number(len(history), 0)
    cards.append(("epochs", f"{epochs}, best {content.best_epoch}" if content.best_epoch is not None else epochs, ""))
    cards.append(("time", duration(seconds), f"at {number(speed, 0)} rows/s" if isfinite(speed) else ""))
    return cards


def _interruption(material: Material) -> str:
    done = len(material.content.history)
    kept = material.content.best_epoch
    which = f"The weights are those of epoch {kept}" if kept is not None else "The weights are the last ones"
    return f"Training did not run to its end: it stopped after {count(done, 'epoch')}. {which}."
