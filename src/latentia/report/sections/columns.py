"""Columns of a table: what each of them costs, and which are hard to guess."""

import math

import torch

from latentia.core.errors import LatentiaError
from latentia.evaluation import score
from latentia.report.figures import count, number
from latentia.report.markup import tag
from latentia.report.material import Material
from latentia.report.section import Section, paragraphs

ROWS, DRAWS = 200, 50


def columns(material: Material) -> Section | None:
    """One line a column, the dearest first; None where the rows are no table."""
    schema = None if material.content.data is None else material.content.data.schema
    if schema is None or material.encoded is None:
        return None
    whole = material.encoded.batch
    n = min(ROWS, len(whole.x))
    batch = whole._replace(x=whole.x[:n], row=whole.row[:n], mask=None if whole.mask is None else whole.mask[:n])
    try:
        found = score(material.content.model, material.content.posterior, batch, DRAWS)
    except LatentiaError:
        return None
    if found.shares is None or found.shares.shape[1:] != (len(schema.columns),):
        return None
    shares = found.shares.cpu() + schema.log_slopes(batch.x).double()
    mask = torch.ones_like(batch.x, dtype=torch.bool) if batch.mask is None else batch.mask
    seen = torch.stack([mask[:, place].all(1) for place in schema.places], 1).cpu()
    held = seen.sum(0)
    means = torch.where(seen, shares, 0.0).sum(0) / held
    lines = sorted(zip(schema.columns, means.tolist(), held.tolist(), strict=True), key=lambda line: _last_if_nan(line[1]))
    head = tag("tr", None, *(tag("th", None, word) for word in ("column", "nats a cell", "", "what it is")))
    rows = (
        tag(
            "tr",
            None,
            tag("th", {"scope": "row"}, column.name),
            tag("td", {"class": "value"}, number(mean) if math.isfinite(mean) else "not seen"),
            tag("td", {"class": "unit"}, "" if n_seen == n else f"{n_seen} of {n} seen"),
            tag("td", {"class": "meaning"}, _kind(column.kind, len(column.states))),
        )
        for column, mean, n_seen in lines
    )
    caption = paragraphs(
        f"What each column adds to log p(x) of {count(n, material.encoded.split + ' row')}: the mean of "
        "E log p(column | z) over the cells that were seen, in the column's own units, dearest first. A mass is at most 0; "
        "a density may lie above.",
    )
    body = tag("table", {"class": "numbers"}, tag("thead", None, head), tag("tbody", None, *rows))
    return Section("columns", "Columns", caption, body)


def _last_if_nan(mean: float) -> float:
    return mean if math.isfinite(mean) else math.inf


def _kind(kind: str, states: int) -> str:
    return f"{kind} of {states} states" if kind == "category" else kind
