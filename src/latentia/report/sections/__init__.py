"""The sections of the page, in their order. To add one: a file here and its line below."""

from collections.abc import Callable

from latentia.report.material import Material
from latentia.report.section import Section
from latentia.report.sections.columns import columns
from latentia.report.sections.curves import curves
from latentia.report.sections.header import header
from latentia.report.sections.heldout import heldout
from latentia.report.sections.interpolation import interpolation
from latentia.report.sections.ladder import ladder
from latentia.report.sections.latents import latents
from latentia.report.sections.manifold import manifold
from latentia.report.sections.map import latent_map
from latentia.report.sections.plane import plane
from latentia.report.sections.provenance import provenance
from latentia.report.sections.recipe import recipe
from latentia.report.sections.reconstructions import reconstructions
from latentia.report.sections.samples import samples
from latentia.report.sections.traversals import traversals

SECTIONS: dict[str, Callable[[Material], Section | None]] = {
    "recipe": recipe,
    "numbers": heldout,
    "columns": columns,
    "ladder": ladder,
    "curves": curves,
    "plane": plane,
    "latents": latents,
    "reconstructions": reconstructions,
    "samples": samples,
    "map": latent_map,
    "manifold": manifold,
    "traversals": traversals,
    "interpolation": interpolation,
    "provenance": provenance,
}

__all__ = ["SECTIONS", "header"]
