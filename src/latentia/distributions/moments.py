"""One value to stand for a distribution: its mean where it has one, else its mode, else an average of draws."""

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent

DRAWS_FOR_A_MEAN = 256


def has_mean(distribution: Distribution) -> bool:
    """Whether the distribution states its mean; a flow does not."""
    return _stated_mean(distribution) is not None


def point(distribution: Distribution) -> Tensor:
    """(batch, *event): the mean; the mode for classes, which have no mean; the mean of 256 draws for a flow."""
    # Asked for once: the mean over many grey levels is most of what it takes to decode a picture.
    mean = _stated_mean(distribution)
    if mean is not None:
        return mean
    try:
        return distribution.mode.to(torch.get_default_dtype())
    except NotImplementedError:
        return distribution.sample((DRAWS_FOR_A_MEAN,)).mean(0)


def _stated_mean(distribution: Distribution) -> Tensor | None:
    inner = distribution.base_dist if isinstance(distribution, Independent) else distribution
    if isinstance(inner, Categorical):
        return None
    try:
        return distribution.mean
    except NotImplementedError:
        return None
