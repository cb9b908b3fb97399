"""Rows of the data and what the model makes of their latents."""

from typing import NamedTuple

import torch
from torch import Tensor

from latentia.report.figures import P_X_Z
from latentia.report.markup import Markup
from latentia.report.material import Material
from latentia.report.probe import decode, reconstructed
from latentia.report.section import Section, paragraphs

FULL_ROWS = 2


class Pairs(NamedTuple):
    """Originals and reconstructions, both (n, *x_shape), and a tooltip for each."""

    originals: Tensor
    copies: Tensor
    titles: list[str]


def pairs(material: Material, n: int) -> Pairs | None:
    """n rows, every label among them, and their reconstructions; None where there are no rows."""
    encoded = material.encoded
    if encoded is None:
        return None
    rows = material.varied_rows(n)
    index = torch.tensor(rows, device=encoded.means.device)
    model, posterior = material.content.model, material.content.posterior
    if material.columns is None:
        given = None if encoded.batch.given is None else encoded.batch.given[index]
        copies = decode(model, encoded.means[index], given)
    else:
        copies = reconstructed(model, posterior, encoded, index)
    return Pairs(encoded.batch.x[index].cpu(), copies, [material.row_title(row) for row in rows])


def reconstructions(material: Material) -> Section:
    """Pairs, the original above its reconstruction."""
    found = pairs(material, FULL_ROWS * material.display.across)
    if found is None or material.encoded is None:
        return Section("reconstructions", "Reconstructions", paragraphs(material.why_not))
    words = (
        f"Rows of the {material.encoded.split} split, chosen for their labels and not for their looks: "
        if material.encoded.labels is not None
        else f"The first rows of the {material.encoded.split} split: "
    )
    how = (
        f"Each reconstruction is the mean of {P_X_Z} at the posterior mean of the row; nothing is drawn."
        if material.columns is None
        else f"Each reconstruction is the mean of {P_X_Z}, averaged over draws of the latents from the posterior of the row."
    )
    caption = paragraphs(words + material.display.key + ".", how)
    body: Markup = material.display.pairs(found.originals, found.copies, found.titles)
    return Section("reconstructions", "Reconstructions", caption, body)
