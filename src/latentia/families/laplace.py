"""Real values with heavier tails than a normal; the location is the median."""

from torch import Tensor
from torch.distributions import Distribution, Independent
from torch.distributions import Laplace as TorchLaplace

from latentia.families.location_scale import LocationScale


class Laplace(LocationScale):
    """Each value is Laplace around the network's location."""

    def distribution(self, raw: Tensor, event_dim: int = 1) -> Distribution:
        loc, scale = self.loc_and_scale(raw, event_dim)
        return Independent(TorchLaplace(loc, scale, validate_args=False), event_dim, validate_args=False)
