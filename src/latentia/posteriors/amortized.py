"""An encoder: one network that answers for every row.

Kingma & Welling (2014), Auto-Encoding Variational Bayes.
"""

import torch
from torch import Tensor
from torch.distributions import Distribution

from latentia.core import Batch
from latentia.core.checks import expand_mask
from latentia.families import Family
from latentia.models import GenerativeModel, check_raw
from latentia.networks import Network
from latentia.posteriors.base import Posterior


class Amortized(Posterior):
    """q(z | x) = family(network((x - center) / spread)); missing values enter at the center, as zero.

    Center and spread are 0 and 1 until ``start_at`` has seen training rows. They are numbers for the whole event, not
    for each value, so that a pixel that is almost never on is not blown up.

    Args:
        network: x to the raw numbers of the family.
        family: how those are read as a distribution over z.

    Raises:
        ShapeError: the network gives another number of raw values than the family reads.
    """

    center: Tensor
    spread: Tensor

    def __init__(self, network: Network, family: Family) -> None:
        super().__init__()
        check_raw(network, family, "encoder")
        self.network, self.family = network, family
        self.register_buffer("center", torch.zeros(()))
        self.register_buffer("spread", torch.ones(()))

    def infer(self, model: GenerativeModel, batch: Batch) -> Distribution:
        return self.encode(batch.x, batch.mask)

    def encode(self, x: Tensor, mask: Tensor | None = None) -> Distribution:
        """x (B, *x_shape) -> batch (B,), event z_shape. No draw is made here."""
        return self.family.distribution(self.raw(x, mask), event_dim=len(self.network.out_shape))

    def raw(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """The numbers that the family reads: x (B, *x_shape) -> (B, raw_per_value, *z_shape)."""
        scaled = (x - self.center) / self.spread
        if mask is not None:
            scaled = torch.where(expand_mask(mask, x), scaled, torch.zeros((), dtype=x.dtype, device=x.device))
        return self.network.raw(scaled)

    def start_at(self, x: Tensor) -> None:
        """Take center and spread from training rows."""
        with torch.no_grad():
            self.center.copy_(x.mean())
            self.spread.copy_(x.std(correction=0).clamp_min(1e-6))
