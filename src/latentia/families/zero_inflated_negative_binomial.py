"""Counts with more zeros than a negative binomial explains.

As in Lopez, Regier, Cole, Jordan & Yosef (2018), Deep generative modeling for single-cell transcriptomics.
"""

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from latentia.distributions import NegativeBinomial as Counted
from latentia.distributions import ZeroInflated
from latentia.families.base import split_raw
from latentia.families.counts import Counts, log_mean_within, raw_of_mean

# How often a zero is the gate's before training, and the logit of that.
SHARE_AT_START, LOGIT_AT_START = 0.05, -2.9444


class ZeroInflatedNegativeBinomial(Counts):
    """Zero with chance sigmoid(second raw), else a negative binomial with mean exp(first raw); bounds as there.

    >>> import torch
    >>> ZeroInflatedNegativeBinomial(dispersion=1.0).distribution(torch.zeros(2, 1)).mean
    tensor([0.5000])
    """

    @property
    def raw_per_value(self) -> int:
        return 3 if self.dispersion == "network" else 2

    def distribution(self, raw: Tensor, event_dim: int = 1) -> Distribution:
        log_mean, gate, *rest = split_raw(raw, event_dim)
        mu = log_mean_within(log_mean).exp()
        counted = Counted(mu, self.dispersions(rest[0] if rest else None, mu, event_dim), validate_args=False)
        return Independent(ZeroInflated(counted, gate, validate_args=False), event_dim, validate_args=False)

    def raw_at(self, mean: Tensor, std: Tensor) -> Tensor:
        passed = mean / (1 - SHARE_AT_START)
        raw = self.start_dispersion(passed, std)
        gate = torch.full_like(mean, LOGIT_AT_START)
        return torch.stack([raw_of_mean(passed), gate] + ([] if raw is None else [raw]))
