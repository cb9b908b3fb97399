"""One z for all rows: the posterior of the parameters that every row shares.

Kucukelbir et al. (2017), Automatic Differentiation Variational Inference.
"""

from typing import cast

import torch
from torch import Size, Tensor, nn
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal, TransformedDistribution, constraints
from torch.distributions.transforms import Transform

from latentia.core import Batch
from latentia.core.errors import ShapeError
from latentia.families import Family
from latentia.models import GenerativeModel
from latentia.posteriors.base import Posterior


class Shared(Posterior):
    """q(z) = family(raw), moved: z = center + scale_tril u, u ~ family(raw); batch (), the same whatever the rows.

    The move is fixed while ``raw`` is fitted. It is there so that a fit sees parameters of like scale.

    Args:
        family: how the free raw numbers are read.
        z_shape: one axis, (D,).

    Raises:
        ShapeError: z has another number of axes.
    """

    center: Tensor
    scale_tril: Tensor

    def __init__(self, family: Family, z_shape: tuple[int, ...] | Size) -> None:
        super().__init__()
        if len(z_shape) != 1:
            raise ShapeError(f"Shared was given z of shape {tuple(z_shape)}, wanted one axis; flatten it to (latents,).")
        self.family, self.z_shape = family, Size(z_shape)
        self.raw = nn.Parameter(torch.zeros(family.raw_per_value, *z_shape))
        self.register_buffer("center", torch.zeros(z_shape))
        self.register_buffer("scale_tril", torch.eye(z_shape[0]))

    def infer(self, model: GenerativeModel | None = None, batch: Batch | None = None) -> Distribution:
        """Batch (), event z_shape. Neither the model nor the rows are looked at."""
        return moved(self.family.distribution(self.raw), self.center, self.scale_tril)


class Affine(Transform):
    """u -> center + L u for a lower triangular L with a positive diagonal; center (..., D), L (..., D, D)."""

    domain = constraints.real_vector
    codomain = constraints.real_vector
    bijective = True

    def __init__(self, center: Tensor, scale_tril: Tensor) -> None:
        super().__init__()
        self.center, self.scale_tril = center, scale_tril

    def _call(self, x: Tensor) -> Tensor:
        return self.center + (self.scale_tril @ x.unsqueeze(-1)).squeeze(-1)

    def _inverse(self, y: Tensor) -> Tensor:
        offset = (y - self.center).unsqueeze(-1)
        return torch.linalg.solve_triangular(self.scale_tril, offset, upper=False).squeeze(-1)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return self.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1).expand(x.shape[:-1])


def moved(q: Distribution, center: Tensor, scale_tril: Tensor) -> Distribution:
    """The law of center + L u, u ~ q: a normal as a normal, so that its moments and divergences stay closed forms.

    Args:
        q: batch (...), event (D,).
        center: (..., D).
        scale_tril: (..., D, D) lower triangular, positive on its diagonal.
    """
    if isinstance(q, Independent) and type(q.base_dist) is Normal:
        factor = scale_tril * q.base_dist.scale.unsqueeze(-2)
    elif type(q) is MultivariateNormal:
        factor = scale_tril @ cast("Tensor", q.scale_tril)
    else:
        return TransformedDistribution(q, [Affine(center, scale_tril)], validate_args=False)
    loc = center + (scale_tril @ q.mean.unsqueeze(-1)).squeeze(-1)
    return MultivariateNormal(loc, scale_tril=factor, validate_args=False)
