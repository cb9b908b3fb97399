"""Where a fit to a log joint begins: at a mode, with the curvature there, so that the fit sees parameters of like scale.

The normal with the curvature of the mode is Laplace's; see Tierney & Kadane (1986), Accurate Approximations for Posterior
Moments and Marginal Densities. Here it is a start and a scale, never an answer.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from latentia.core.errors import NonFinite
from latentia.models import LogJoint

# A density that is not a number is worse than any other; the search needs a number for that.
WORST = 1e30
# Scales more unlike than this are taken as this far apart.
CONDITION = 1e12
COPIES_AT_ONCE = 64
# Standard deviations between two places that count as one, and from a place to its mode as the slope there tells it.
SAME, CLOSE = 0.3, 0.03
MOST_CLIMBS = 5


class Mode(NamedTuple):
    """A mode of the free density and what surrounds it.

    Attributes:
        z: (D,).
        precision: (D, D) the curvature there, negative directions turned positive.
    """

    z: Tensor
    precision: Tensor

    def near(self, other: "Mode") -> bool:
        """Whether both are one mode, found twice."""
        offset = self.z - other.z
        return float(offset @ self.precision @ offset) < SAME**2

    def scale_tril(self, diagonal: bool) -> Tensor:
        """(D, D) L with L L' the covariance of Laplace's normal or, if diagonal, that of the best product of normals."""
        if diagonal:
            return torch.diag(self.precision.diagonal().rsqrt())
        # The inverse of a Cholesky factor of the reversed precision, turned round, is the lower factor of its inverse.
        upper = torch.linalg.cholesky(self.precision.flip(0, 1)).flip(0, 1)
        return torch.linalg.solve_triangular(upper, torch.eye(len(self.z)).to(upper), upper=True).mT

    def covariance_along_axes(self) -> Tensor:
        """(D, D) Laplace's covariance where each axis is measured in the scale of ``scale_tril(diagonal=True)``."""
        size = self.precision.diagonal().sqrt()
        return size.unsqueeze(-1) * torch.linalg.inv(self.precision) * size


def find_mode(log_joint: LogJoint, start: Tensor, rows: Tensor | None = None, steps: int = 200) -> Mode | None:
    """Climb from ``start`` (D,) by L-BFGS, look at the curvature there, and climb on in its units until the slope is small.

    In float32 a search may end where two values happen to be equal to the last digit, far from any mode.

    Args:
        log_joint: p.
        start: where to begin.
        rows: the rows that stand for all, or None.
        steps: of a climb, at most; the best point found counts, converged or not.

    Returns:
        None where density or curvature are not finite.
    """
    found, scale, reached, away = None, torch.eye(len(start)).to(start), math.inf, math.inf
    place = start
    try:
        for _ in range(MOST_CLIMBS):
            place, value, slope = _climb(log_joint, place, scale, rows, steps)
            precision = _precision(_curvature(log_joint, place, rows)) if value < WORST else None
            if precision is None:
                break
            found = Mode(place, precision)
            scale = found.scale_tril(diagonal=False)
            before, away = away, float((scale.mT @ slope).norm())
            if away < CLOSE or not (value < reached or away < before):
                break
            reached = value
    except RuntimeError:  # a density without a slope, or scales too unlike to be factored
        return found
    return found


def _climb(
    log_joint: LogJoint, start: Tensor, scale: Tensor, rows: Tensor | None, steps: int
) -> tuple[Tensor, float, Tensor]:
    """The end (D,) of one search over u with z = start + scale u, minus the log density and its slope in z there."""

    def negative(u: np.ndarray) -> tuple[float, np.ndarray]:
        z = (start + scale @ torch.as_tensor(u).to(start)).requires_grad_()
        value = log_joint.log_prob(z, rows)
        (slope,) = torch.autograd.grad(value, z)
        out, slopes = float(value.detach()), scale.mT @ slope
        if not np.isfinite(out) or not bool(torch.isfinite(slopes).all()):
            return WORST, np.zeros_like(u)
        return -out, -slopes.double().cpu().numpy()

    from scipy.optimize import minimize  # two tenths of a second, which only this needs

    found = minimize(negative, np.zeros(len(start)), jac=True, method="L-BFGS-B", options={"maxiter": steps})
    slope = torch.linalg.solve_triangular(scale.mT, torch.as_tensor(found.jac).to(start).unsqueeze(-1), upper=True)
    return start + scale @ torch.as_tensor(found.x).to(start), found.fun, slope.squeeze(-1)


def _precision(curvature: Tensor) -> Tensor | None:
    """The curvature (D, D) with negative directions turned positive and flat ones bent a little; None if not finite."""
    if not bool(torch.isfinite(curvature).all()):
        return None
    values, vectors = torch.linalg.eigh((curvature + curvature.mT) / 2)
    sizes = values.abs()
    sizes = sizes.clamp_min(float(sizes.max()) / min(CONDITION, 0.1 / torch.finfo(curvature.dtype).eps))
    return (vectors * sizes) @ vectors.mT if float(sizes.min()) > 0 else None


def _curvature(log_joint: LogJoint, z: Tensor, rows: Tensor | None) -> Tensor:
    """Minus the Hessian, (D, D), by differentiating twice or, where that fails or is not finite, by differences of slopes.

    The second derivative of ``torch.logaddexp`` is NaN where one term is far below the other, its slope is right.
    """
    try:
        exact = _differentiated_twice(log_joint, z, rows)
        if bool(torch.isfinite(exact).all()):
            return exact
    except RuntimeError:  # a density that cannot be differentiated twice
        pass
    return _differences(log_joint, z, rows)


def _differentiated_twice(log_joint: LogJoint, z: Tensor, rows: Tensor | None) -> Tensor:
    """Copies of z go together: copy d gives row d, by differentiating its own slope d."""
    out = []
    for wanted in torch.arange(len(z), device=z.device).split(COPIES_AT_ONCE):
        copies = z.expand(len(wanted), -1).clone().requires_grad_()
        (slope,) = torch.autograd.grad(log_joint.log_prob(copies, rows).sum(), copies, create_graph=True)
        own = slope.gather(1, wanted.unsqueeze(1)).sum()
        (row,) = torch.autograd.grad(own, copies) if own.requires_grad else (torch.zeros_like(copies),)
        out.append(-row)
    return torch.cat(out)


def _differences(log_joint: LogJoint, z: Tensor, rows: Tensor | None) -> Tensor:
    """Row d: the slope a little before z along axis d, less the slope a little after it."""
    # The cube root balances the error of the difference against that of rounding.
    width = torch.finfo(z.dtype).eps ** (1 / 3) * z.abs().clamp_min(1.0)
    out = []
    for step, size in zip(torch.diag(width).split(COPIES_AT_ONCE), width.split(COPIES_AT_ONCE), strict=True):
        ends = torch.stack([z - step, z + step]).requires_grad_()
        (slope,) = torch.autograd.grad(log_joint.log_prob(ends, rows).sum(), ends)
        out.append((slope[0] - slope[1]) / (2 * size.unsqueeze(-1)))
    return torch.cat(out)


def check_density(log_joint: LogJoint, starts: Tensor, rows: Tensor | None) -> None:
    """Refuse a density that is finite at no start (S, D).

    Raises:
        NonFinite: with the count.
    """
    with torch.no_grad():
        finite = torch.isfinite(log_joint.log_prob(starts, rows))
    if not bool(finite.any()):
        raise NonFinite(
            f"the log density is finite at none of {len(starts)} starts; look at the constraints of the parameters, and for "
            "the logarithm of a zero in the function."
        )
