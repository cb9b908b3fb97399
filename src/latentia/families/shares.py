"""What families of shares share: a mean and a concentration of a beta from raw numbers, within bounds."""

import torch
from torch import Tensor
from torch.nn import functional as F

# The smaller of a beta's two numbers stays above 0.01, so that draws do not all lie on the ends.
EDGE = 1e-2
LEAST, MOST = 1.0, 1e4
# A raw number of 0 means about 8.
STRETCH = 10.0


def share_of_raw(raw: Tensor) -> Tensor:
    """A mean from 0.01 to 0.99."""
    return EDGE + (1 - 2 * EDGE) * raw.sigmoid()


def concentration_of_raw(raw: Tensor) -> Tensor:
    """From 1, about what makes a density flat, to 1e4."""
    return (STRETCH * F.softplus(raw) + LEAST).clamp_max(MOST)


def raw_of_share(mean: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
    """The two raw numbers that give about this mean and standard deviation."""
    share = mean.clamp(2 * EDGE, 1 - 2 * EDGE)
    wanted = share * (1 - share) / std.clamp_min(1e-3).square() - 1
    softened = ((wanted - LEAST) / STRETCH).clamp(1e-2, MOST / STRETCH / 2)
    return torch.logit((share - EDGE) / (1 - 2 * EDGE)), softened + torch.log(-torch.expm1(-softened))
