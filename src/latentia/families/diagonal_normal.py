"""The mean-field normal: a location and a scale for each latent."""

from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from latentia.families.base import Family, positive, split_raw


class DiagonalNormal(Family):
    """q(z | x) = prod_d N(z_d; mu_d, sigma_d); raw holds mu and the raw sigma."""

    @property
    def raw_per_value(self) -> int:
        return 2

    def distribution(self, raw: Tensor, event_dim: int = 1) -> Distribution:
        loc, raw_scale = split_raw(raw, event_dim)
        return Independent(Normal(loc, positive(raw_scale), validate_args=False), event_dim, validate_args=False)
