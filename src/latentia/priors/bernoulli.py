"""Independent bits, each with a chance of its own that is learned."""

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Distribution

from latentia.distributions.independent_bits import IndependentBits
from latentia.priors.base import Prior


class BernoulliPrior(Prior):
    """z_d ~ Bernoulli(sigmoid(logits_d)), even until something is learned.

    Args:
        n_latents: D.
    """

    def __init__(self, n_latents: int) -> None:
        super().__init__(n_latents)
        self.logits = nn.Parameter(torch.zeros(n_latents))

    def distribution(self, given: Tensor | None = None) -> Distribution:
        return IndependentBits(Bernoulli(logits=self.logits, validate_args=False), 1, validate_args=False)
