"""A normal whose softmax is about a symmetric Dirichlet: Laplace's approximation in the softmax basis.

MacKay (1998), Choice of Basis for Laplace Approximation; Hennig et al. (2012), Kernel Topic Models; Srivastava & Sutton
(2017), Autoencoding Variational Inference for Topic Models, equation 3.
"""

import math

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from latentia.core.errors import LatentiaError, ShapeError
from latentia.priors.base import Prior


class LaplaceDirichlet(Prior):
    """z ~ N(0, (1 - 1 / T) / concentration I), so that softmax(z) is about Dirichlet(concentration, ...) over T shares.

    The diagonal of the approximation's covariance; its other entries, -1 / (T concentration), are left out, as in the paper.
    That makes the variances of the shares smaller by 1 - 1 / T than the whole approximation has them.

    Args:
        n_latents: T, at least 2.
        concentration: small means that few shares are large.

    Raises:
        ShapeError: fewer than two latents.
        LatentiaError: a concentration that is not positive.
    """

    zero: Tensor

    def __init__(self, n_latents: int, concentration: float = 1.0) -> None:
        super().__init__(n_latents)
        if n_latents < 2:
            raise ShapeError(f"n_latents is {n_latents}, but it takes 2 shares to sum to 1; give at least 2.")
        if not 0 < concentration < math.inf:
            raise LatentiaError(f"concentration is {concentration}, wanted a positive number such as 0.1.")
        self.concentration = concentration
        self.scale = ((1 - 1 / n_latents) / concentration) ** 0.5
        self.register_buffer("zero", torch.zeros(n_latents), persistent=False)

    def distribution(self, given: Tensor | None = None) -> Distribution:
        scale = torch.full_like(self.zero, self.scale)
        return Independent(Normal(self.zero, scale, validate_args=False), 1, validate_args=False)
