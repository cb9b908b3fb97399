"""Traversals: one latent at a time walks through its prior while the others stay where a row of the data put them."""

import torch

from latentia.report.display import Strip
from latentia.report.figures import MINUS, count, latent, number
from latentia.report.material import Material
from latentia.report.probe import prior_scale, walk
from latentia.report.section import Section, paragraphs
from latentia.report.sections.flips import TITLE, flips, label

STEPS, REACH = 11, 3.0
MOST = 10
ENDS = (f"{MINUS}{REACH:.0f} sd", "prior mean", f"+{REACH:.0f} sd")


def traversals(material: Material) -> Section:
    """A strip for each of the latents that say most."""
    if material.columns is not None:
        return flips(material, material.columns)
    if not material.free:
        what = "shares that sum to 1" if material.walkable else "not a vector of continuous numbers"
        return Section("traversals", TITLE, paragraphs(f"These latents are {what}, so there is no walk."))
    chosen = (material.active or material.order[:1])[:MOST]
    model, given = material.content.model, material.given(1)
    loc, scale = prior_scale(model, given)
    if material.encoded is not None:
        # The row nearest the prior's mean: walks from a row at the edge show more of the edge than of the latents.
        away = ((material.encoded.means - loc) / scale).square().sum(1)
        row = int(away.nan_to_num(torch.inf).argmin())
        start, around = material.encoded.means[row], f"{material.row_title(row)}, the one nearest the mean of the prior,"
        if material.encoded.batch.given is not None:
            given = material.encoded.batch.given[row : row + 1]
    else:
        start, around = loc.clone(), "the mean of the prior"
    steps = torch.linspace(-REACH, REACH, STEPS)
    strips = []
    for d in chosen:
        values = loc[d] + scale[d] * steps.to(loc)
        titles = [f"{latent(d)} = {number(v)}" for v in values.tolist()]
        here = int((values - start[d]).abs().argmin()) if material.encoded is not None else None
        strips.append(Strip(label(material, d), walk(model, start, d, values, given), titles, here=here))
    left = len(material.active) - len(chosen)
    rest = f" {count(left, 'more active latent')} not shown." if left > 0 else ""
    first = (
        f"Each strip moves one latent from {MINUS}{REACH:.0f} to {REACH:.0f} standard deviations of the prior; others stay "
        f"where {around} {'puts' if material.encoded is not None else 'has'} them."
    )
    mark = "The marked step is the one nearest to the row itself." if material.encoded is not None else ""
    second = (
        f"Ordered by KL, the latents in use only.{rest}"
        if material.active
        else "No latent is in use; the first one stands for all."
    )
    return Section("traversals", TITLE, paragraphs(first, mark, second), material.display.strips(strips, ENDS))
