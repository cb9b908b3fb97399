"""N(0, I)."""

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from latentia.priors.base import Prior


class StandardNormal(Prior):
    """z ~ N(0, I) over ``n_latents`` latents."""

    zero: Tensor
    one: Tensor

    def __init__(self, n_latents: int) -> None:
        super().__init__(n_latents)
        self.register_buffer("zero", torch.zeros(n_latents), persistent=False)
        self.register_buffer("one", torch.ones(n_latents), persistent=False)

    def distribution(self, given: Tensor | None = None) -> Distribution:
        return Independent(Normal(self.zero, self.one, validate_args=False), 1, validate_args=False)
