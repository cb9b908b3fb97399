"""A mixture of diagonal normals, all of it learned."""

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily, Normal

from latentia.core.errors import LatentiaError
from latentia.priors.base import Prior


class Mixture(Prior):
    """p(z) = sum_c pi_c N(z; mu_c, diag sigma_c^2).

    Args:
        n_latents: D.
        components: C, at least 1.

    Raises:
        LatentiaError: fewer than one component.
    """

    def __init__(self, n_latents: int, components: int = 10) -> None:
        super().__init__(n_latents)
        if components < 1:
            raise LatentiaError(f"components is {components}, wanted at least 1.")
        self.components = components
        self.logits = nn.Parameter(torch.zeros(components))
        self.loc = nn.Parameter(torch.randn(components, n_latents))
        self.log_scale = nn.Parameter(torch.zeros(components, n_latents))

    def distribution(self, given: Tensor | None = None) -> Distribution:
        parts = Independent(Normal(self.loc, self.log_scale.exp(), validate_args=False), 1, validate_args=False)
        return MixtureSameFamily(Categorical(logits=self.logits, validate_args=False), parts, validate_args=False)
