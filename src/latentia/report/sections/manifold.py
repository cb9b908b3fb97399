"""The plane of two latents, decoded at normal quantiles (Kingma & Welling 2014, figure 4)."""

import torch
from torch import Tensor

from latentia.report.material import Material
from latentia.report.probe import decode, prior_scale, repeated
from latentia.report.section import Section, paragraphs

EDGE = 0.02


def plane(material: Material, side: int) -> Tensor | None:
    """(side, side, *x_shape), the first row at the top; None unless there are exactly two continuous latents."""
    model = material.content.model
    if tuple(model.z_shape) != (2,) or not material.free:
        return None
    given = material.given(1)
    loc, scale = prior_scale(model, given)
    share = torch.linspace(EDGE, 1 - EDGE, side)
    quantiles = torch.distributions.Normal(0.0, 1.0).icdf(share).to(loc)
    down, across = torch.meshgrid(quantiles.flip(0), quantiles, indexing="ij")
    z = torch.stack([loc[0] + scale[0] * across, loc[1] + scale[1] * down], -1).reshape(-1, 2)
    return decode(model, z, repeated(given, len(z))).unflatten(0, (side, side))


def manifold(material: Material) -> Section | None:
    """The plane as a sheet; no section where there is none."""
    side = material.display.sheet_side()
    xs = plane(material, side)
    if xs is None:
        return None
    words = (
        f"All of latent space at once: z₀ grows to the right and z₁ upwards, each through {side} normal quantiles from "
        f"{EDGE:.0%} to {1 - EDGE:.0%}, so that every {material.display.noun} stands for the same share of the prior."
    )
    return Section("manifold", "The plane, decoded", paragraphs(words), material.display.sheet(xs, "the decoded plane"))
