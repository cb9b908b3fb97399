"""One value to stand for a distribution: its mean where it has one, else its mode, else an average of draws."""

import torch
from torch import Tensor
from torch.distributions import Distribution

DRAWS_FOR_A_MEAN = 256


def point(distribution: Distribution) -> Tensor:
    """(batch, *event): the mean; the mode for classes, which have no mean; the mean of 256 draws for a flow."""
    try:
        mean = distribution.mean
    except NotImplementedError:
        return distribution.sample((DRAWS_FOR_A_MEAN,)).mean(0)
    return distribution.mode.to(torch.get_default_dtype()) if bool(mean.isnan().all()) else mean
