"""KL divergences that torch does not know, and the question whether one is known."""

from latentia.distributions.kl import moments, normals, points_and_spheres, positive, quadrature
from latentia.distributions.kl.query import closed_kl, describe, has_closed_kl, kl_per_dimension
from latentia.distributions.kl.table import PAIRS, Method

__all__ = [
    "PAIRS",
    "Method",
    "closed_kl",
    "describe",
    "has_closed_kl",
    "kl_per_dimension",
    "moments",
    "normals",
    "points_and_spheres",
    "positive",
    "quadrature",
]
