"""One value to stand for a distribution: its mean where it has one, else its mode, else an average of draws."""

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent

DRAWS_FOR_A_MEAN = 256


def has_mean(distribution: Distribution) -> bool:
    """Whether the distribution states its mean; a flow does not."""
    inner = distribution.base_dist if isinstance(distribution, Independent) else distribution
    if isinstance(inner, Categorical):
        return False
    try:
        _ = distribution.mean
    except NotImplementedError:
        return False
    return True


def point(distribution: Distribution) -> Tensor:
    """(batch, *event): the mean; the mode for classes, which have no mean; the mean of 256 draws for a flow."""
    if has_mean(distribution):
        return distribution.mean
    try:
        return distribution.mode.to(torch.get_default_dtype())
    except NotImplementedError:
        return distribution.sample((DRAWS_FOR_A_MEAN,)).mean(0)
