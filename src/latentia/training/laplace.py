"""Where a fit to a log joint begins: at a mode, with the curvature there, so that the fit sees parameters of like scale.

The normal with the curvature of the mode is Laplace's; see Tierney & Kadane (1986), Accurate Approximations for Posterior
Moments and Marginal Densities. Here it is a start and a scale, never an answer.
"""

from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from latentia.core.errors import NonFinite
from latentia.models import LogJoint

# A density that is not a number is worse than any other; the search needs a number for that.
WORST = 1e30
# Scales more unlike than this are taken as this far apart.
CONDITION = 1e12
COPIES_AT_ONCE = 64
# Standard deviations between two places that count as one.
SAME = 0.3


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
    """Climb from ``start`` (D,) by L-BFGS and look at the curvature there.

    Args:
        log_joint: p.
        start: where to begin.
        rows: the rows that stand for all, or None.
        steps: at most; the best point found counts, converged or not.

    Returns:
        None where density or curvature are not finite.
    """

    def negative(flat: np.ndarray) -> tuple[float, np.ndarray]:
        z = torch.as_tensor(flat).to(start).requires_grad_()
        value = log_joint.log_prob(z, rows)
        (slope,) = torch.autograd.grad(value, z)
        out, slopes = float(value.detach()), slope.double().cpu().numpy()
        if not np.isfinite(out) or not np.isfinite(slopes).all():
            return WORST, np.zeros_like(flat)
        return -out, -slopes

    try:
        found = minimize(negative, start.double().cpu().numpy(), jac=True, method="L-BFGS-B", options={"maxiter": steps})
        z = torch.as_tensor(found.x).to(start)
        curvature = _curvature(log_joint, z, rows)
    except RuntimeError:  # a density that cannot be differentiated twice
        return None
    if found.fun >= WORST or not bool(torch.isfinite(curvature).all()):
        return None
    values, vectors = torch.linalg.eigh((curvature + curvature.mT) / 2)
    sizes = values.abs()
    sizes = sizes.clamp_min(float(sizes.max()) / min(CONDITION, 0.1 / torch.finfo(start.dtype).eps))
    if not float(sizes.min()) > 0:
        return None
    return Mode(z, (vectors * sizes) @ vectors.mT)


def _curvature(log_joint: LogJoint, z: Tensor, rows: Tensor | None) -> Tensor:
    """Minus the Hessian, (D, D). Copies of z go together: copy d gives row d, by differentiating its own slope d."""
    out = []
    for wanted in torch.arange(len(z), device=z.device).split(COPIES_AT_ONCE):
        copies = z.expand(len(wanted), -1).clone().requires_grad_()
        (slope,) = torch.autograd.grad(log_joint.log_prob(copies, rows).sum(), copies, create_graph=True)
        own = slope.gather(1, wanted.unsqueeze(1)).sum()
        (row,) = torch.autograd.grad(own, copies) if own.requires_grad else (torch.zeros_like(copies),)
        out.append(-row)
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
