"""Counts whose variance is their mean: one log rate a value."""

from torch import Tensor
from torch.distributions import Distribution, Independent

from latentia.distributions import NegativeBinomial as Counted
from latentia.families.base import Family, split_raw
from latentia.families.counts import log_mean_within, raw_of_mean


class Poisson(Family):
    """Each value is a count with rate exp(raw), from e^-20 to e^20; masses keep their digits in float32 at any of them.

    >>> import torch
    >>> Poisson().distribution(torch.zeros(1, 2)).log_prob(torch.zeros(2))
    tensor(-2.)
    """

    discrete = True

    @property
    def raw_per_value(self) -> int:
        return 1

    def distribution(self, raw: Tensor, event_dim: int = 1) -> Distribution:
        (log_rate,) = split_raw(raw, event_dim)
        # torch's own adds numbers as large as rate log rate up to a mass that is small.
        base = Counted(log_mean_within(log_rate).exp(), 0.0, validate_args=False)
        return Independent(base, event_dim, validate_args=False)

    def raw_at(self, mean: Tensor, std: Tensor) -> Tensor:
        return raw_of_mean(mean).unsqueeze(0)
