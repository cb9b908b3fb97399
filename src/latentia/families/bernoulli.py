"""Bits: one logit a value."""

import torch
from torch import Tensor
from torch.distributions import Bernoulli as TorchBernoulli
from torch.distributions import Distribution

from latentia.distributions.independent_bits import IndependentBits
from latentia.families.base import Family, split_raw


class Bernoulli(Family):
    """Each value is 0 or 1; raw is its logit.

    >>> import torch
    >>> Bernoulli().distribution(torch.zeros(1, 4)).log_prob(torch.ones(4)).exp()
    tensor(0.0625)
    """

    discrete = True

    @property
    def raw_per_value(self) -> int:
        return 1

    def distribution(self, raw: Tensor, event_dim: int = 1) -> Distribution:
        (logits,) = split_raw(raw, event_dim)
        return IndependentBits(TorchBernoulli(logits=logits, validate_args=False), event_dim, validate_args=False)

    def mean_and_sd(self, raw: Tensor, event_dim: int = 1) -> tuple[Tensor, Tensor]:
        (logits,) = split_raw(raw, event_dim)
        # The root of p (1 - p), without a difference that rounds to nothing where p is near 1.
        half = torch.exp(-logits.abs() / 2)
        return torch.sigmoid(logits), half / (1 + half.square())

    def raw_at(self, mean: Tensor, std: Tensor) -> Tensor:
        # One pseudo-row of each kind: a pixel that is never on keeps a finite logit.
        return torch.logit(mean.clamp(5e-3, 1 - 5e-3)).unsqueeze(0)
