"""Counts whose variance exceeds their mean mu by dispersion · mu^2."""

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from latentia.distributions import NegativeBinomial as Counted
from latentia.families.base import split_raw
from latentia.families.counts import Counts, log_mean_within, raw_of_mean


class NegativeBinomial(Counts):
    """Each value is a count with mean exp(raw), from e^-20 to e^20, and a dispersion between 1e-6 and 1e3.

    >>> import torch
    >>> NegativeBinomial(dispersion=1.0).distribution(torch.zeros(1, 2)).variance
    tensor([2., 2.])
    """

    @property
    def raw_per_value(self) -> int:
        return 2 if self.dispersion == "network" else 1

    def distribution(self, raw: Tensor, event_dim: int = 1) -> Distribution:
        log_mean, *rest = split_raw(raw, event_dim)
        mu = log_mean_within(log_mean).exp()
        base = Counted(mu, self.dispersions(rest[0] if rest else None, mu, event_dim), validate_args=False)
        return Independent(base, event_dim, validate_args=False)

    def raw_at(self, mean: Tensor, std: Tensor) -> Tensor:
        raw = self.start_dispersion(mean, std)
        return torch.stack([raw_of_mean(mean)] + ([] if raw is None else [raw]))
