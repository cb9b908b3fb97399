"""From one encoding to another: the points between them, and what is decoded there.

White (2016), Sampling Generative Networks: under a normal prior of many latents nearly all mass lies at one distance from
the center, and the middle of a straight line between two draws lies nearer to it than any draw does.
"""

import math
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent, Normal, OneHotCategorical

from latentia.core.errors import LatentiaError, nearest
from latentia.core.random import seeded
from latentia.distributions import discrete_columns
from latentia.evaluation.latents import expected_x
from latentia.evaluation.pieces import means_of_x
from latentia.models import GenerativeModel

WalkPath = Literal["spherical", "linear"]
PATHS: tuple[str, ...] = get_args(WalkPath)
# Radians off a straight angle within which no one great circle is meant.
OPPOSITE = 1e-3


def usual_path(prior: Distribution) -> WalkPath:
    """Spherical where z is a vector of independent normals before x is seen, linear elsewhere."""
    return "linear" if _center_and_scale(prior) is None else "spherical"


def between(prior: Distribution, a: Tensor, b: Tensor, steps: int = 11, path: WalkPath | None = None) -> Tensor:
    """Points from a to b, both included: a and b (*z_shape) -> (steps, *z_shape).

    ``linear`` mixes the two. ``spherical`` turns the direction from the prior's center evenly along the great circle, and
    changes the length evenly; with equal lengths this is White's formula. Both are taken in units of the prior's scales.
    Opposite directions, and an end at the center itself, have no great circle of their own: they are joined straight.

    Args:
        prior: p(z).
        a: where to begin.
        b: where to end.
        steps: points, at least 2.
        path: None for ``usual_path``.

    Raises:
        LatentiaError: fewer than two steps, an unknown path, or a spherical one under a prior that is not normal.
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 2:
        raise LatentiaError(f"steps is {steps!r}, wanted a whole number of at least 2, the two ends.")
    if path is not None and path not in PATHS:
        raise LatentiaError(f"there is no path {path!r}; {nearest(str(path), list(PATHS))}")
    known = _center_and_scale(prior)
    if path == "spherical" and known is None:
        raise LatentiaError(
            "a spherical path is one around the center of a normal prior, and this prior is none; use linear."
        )
    t = torch.linspace(0, 1, steps, dtype=a.dtype, device=a.device).reshape(-1, *(1,) * a.ndim)
    if path == "linear" or known is None:
        points = a + t * (b - a)
    else:
        center, scale = known
        points = center + scale * _turned((a - center) / scale, (b - center) / scale, t)
    # To the last digit, whatever the way between them.
    points[0], points[-1] = a, b
    return points


def decoded(model: GenerativeModel, z: Tensor) -> Tensor:
    """The likelihood's mean at each point, (n, *z_shape) -> (n, *x_shape).

    Points between two discrete z are read as chances of their bits or codes, and what is decoded is averaged over 64 draws
    that share their noise, so that the strip changes by what changes between its points.

    Raises:
        LatentiaError: discrete latents whose chances at a point do not say how to draw them.
    """
    columns = discrete_columns(model.prior())
    if columns is None:
        return means_of_x(model, z)
    if columns.kind == "blocks":
        raise LatentiaError(
            "a z of several variables' states depend on each other, so that nothing lies between two of them."
        )
    out = []
    for chances in z.clamp(0, 1).unsqueeze(1):
        with seeded(0):
            out.append(expected_x(model, _draws_of(columns.kind, chances)))
    return torch.cat(out)


def _draws_of(kind: str, chances: Tensor) -> Distribution:
    if kind == "bits":
        return Independent(Bernoulli(probs=chances, validate_args=False), chances.ndim - 1, validate_args=False)
    return Independent(OneHotCategorical(probs=chances, validate_args=False), chances.ndim - 2, validate_args=False)


def _turned(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    length_a, length_b = a.norm(), b.norm()
    if not float(length_a * length_b):
        return a + t * (b - a)
    ua, ub = a / length_a, b / length_b
    # By half the chord, which keeps its digits where the two are near each other and arccos has none.
    angle = 2 * torch.atan2((ua - ub).norm(), (ua + ub).norm())
    if float(angle) > math.pi - OPPOSITE:
        return a + t * (b - a)
    # sinc, so that equal directions need no case of their own.
    share_a = (1 - t) * _sinc((1 - t) * angle) / _sinc(angle)
    share_b = t * _sinc(t * angle) / _sinc(angle)
    return ((1 - t) * length_a + t * length_b) * (share_a * ua + share_b * ub)


def _sinc(x: Tensor) -> Tensor:
    return torch.sinc(x / math.pi)


def _center_and_scale(prior: Distribution) -> tuple[Tensor, Tensor] | None:
    base = prior.base_dist if isinstance(prior, Independent) else prior
    return (base.loc, base.scale) if isinstance(base, Normal) else None
