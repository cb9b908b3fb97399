"""Draws from the prior, decoded: what the model takes the world to look like."""

from torch import Tensor

from latentia.report.figures import P_X_Z
from latentia.report.material import Material
from latentia.report.probe import prior_means
from latentia.report.section import Section, paragraphs

FULL_ROWS = 4


def drawn(material: Material, n: int) -> Tensor:
    """n draws of z from the prior as the means of their likelihoods: (n, *x_shape)."""
    return prior_means(material.content.model, n, material.given(n))


def samples(material: Material) -> Section:
    """The first draws of a fixed seed."""
    n = FULL_ROWS * material.display.across
    xs = drawn(material, n)
    first = f"{n} draws of the latents from the prior, each as the mean of {P_X_Z}; the noise of single values is not drawn."
    second = "They are the first draws of a fixed seed, none picked."
    titles = [f"draw {k}" for k in range(n)]
    return Section("samples", "Draws from the prior", paragraphs(first, second), material.display.cells(xs, titles))
