"""Shares and rates in (0, 1): a mean and a concentration a value."""

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from latentia.distributions import MeanBeta
from latentia.families.base import Family, split_raw
from latentia.families.shares import concentration_of_raw, raw_of_share, share_of_raw


class Beta(Family):
    """Each value lies in (0, 1) with a mean from 0.01 to 0.99 and a concentration from 1 to 1e4.

    >>> import torch
    >>> Beta().distribution(torch.zeros(2, 1)).mean
    tensor([0.5000])
    """

    @property
    def raw_per_value(self) -> int:
        return 2

    def distribution(self, raw: Tensor, event_dim: int = 1) -> Distribution:
        place, spread = split_raw(raw, event_dim)
        base = MeanBeta(share_of_raw(place), concentration_of_raw(spread), validate_args=False)
        return Independent(base, event_dim, validate_args=False)

    def raw_at(self, mean: Tensor, std: Tensor) -> Tensor:
        return torch.stack(raw_of_share(mean, std))
