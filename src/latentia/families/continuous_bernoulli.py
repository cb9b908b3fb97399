"""Grey levels in [0, 1] with the normalizing constant that a cross-entropy on greys leaves out.

Loaiza-Ganem & Cunningham (2019), The continuous Bernoulli: fixing a pervasive error in variational autoencoders.
"""

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from latentia.distributions import ContinuousBernoulli as ByLogit
from latentia.families.base import Family, split_raw


class ContinuousBernoulli(Family):
    """Each value lies in [0, 1]; raw is the logit of the parameter (which is not the mean)."""

    @property
    def raw_per_value(self) -> int:
        return 1

    def distribution(self, raw: Tensor, event_dim: int = 1) -> Distribution:
        (logits,) = split_raw(raw, event_dim)
        return Independent(ByLogit(logits, validate_args=False), event_dim, validate_args=False)

    def raw_at(self, mean: Tensor, std: Tensor) -> Tensor:
        # The mean at logit a is 1/2 + a/12 near 0 and 1 - 1/a far out; 4 logit(mean) is near enough to start.
        return (4 * torch.logit(mean.clamp(5e-2, 1 - 5e-2))).unsqueeze(0)
