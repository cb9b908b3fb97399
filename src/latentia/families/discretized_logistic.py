"""Stored grey levels as the cells of a logistic density: a log mass, so that bits a dimension are true ones."""

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from latentia.core.errors import LatentiaError
from latentia.distributions import DiscretizedLogistic as GridLogistic
from latentia.families.base import Family, positive, raw_of_positive, split_raw

# A raw scale of 0 means a width of a tenth of the grey scale: near what images have before training.
WIDTH_AT_ZERO = 0.1


class DiscretizedLogistic(Family):
    """Each value is one of the grey levels k / (levels - 1); raw holds a location and a width.

    Args:
        levels: number of grey levels; 256 for stored bytes, 17 for scikit-learn's digits.

    Raises:
        LatentiaError: fewer than two levels.
    """

    discrete = True

    def __init__(self, levels: int = 256) -> None:
        super().__init__()
        if levels < 2:
            raise LatentiaError(f"levels is {levels}, wanted at least 2; 256 for stored bytes.")
        self.levels = levels

    @property
    def raw_per_value(self) -> int:
        return 2

    def distribution(self, raw: Tensor, event_dim: int = 1) -> Distribution:
        loc, raw_scale = split_raw(raw, event_dim)
        base = GridLogistic(loc, WIDTH_AT_ZERO * positive(raw_scale), self.levels, validate_args=False)
        return Independent(base, event_dim, validate_args=False)

    def raw_at(self, mean: Tensor, std: Tensor) -> Tensor:
        # A logistic with scale s has standard deviation pi s / sqrt(3), about 1.8 s.
        return torch.stack([mean, raw_of_positive((std / 1.8).clamp_min(1e-2) / WIDTH_AT_ZERO)])
