"""Real values around a mean, with a scale that is fixed, one and learned, or one a value."""

from torch import Tensor
from torch.distributions import Distribution, Independent
from torch.distributions import Normal as TorchNormal

from latentia.families.location_scale import LocationScale


class Normal(LocationScale):
    """Each value is normal around the network's location (``mu + sigma * eps``, sigma the standard deviation)."""

    def distribution(self, raw: Tensor, event_dim: int = 1) -> Distribution:
        loc, scale = self.loc_and_scale(raw, event_dim)
        return Independent(TorchNormal(loc, scale, validate_args=False), event_dim, validate_args=False)
