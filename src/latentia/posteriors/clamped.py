"""An encoder for models whose x shows some entries of z itself: what was seen is believed, the rest is inferred."""

import torch
from torch import Tensor
from torch.distributions import Distribution

from latentia.core import Batch
from latentia.core.checks import expand_mask
from latentia.core.errors import ShapeError
from latentia.families import Family
from latentia.models import GenerativeModel
from latentia.networks import Network
from latentia.posteriors.amortized import Amortized
from latentia.posteriors.base import Posterior

# e^-60 off a one-hot block, e^-30 off a bit: below every digit of float32 beside 1.
CERTAIN = 30.0


class Clamped(Posterior):
    """As ``Amortized``, but the logit of an entry that was observed is 30 where it is one and -30 where it is zero.

    x and z are the same entries, and the mask says which of them were seen. Missing entries enter the network as zero; a
    one-hot block that was seen always holds a one, so that the network can tell.

    Args:
        network: x to one logit an entry.
        family: that reads logits, such as one-hot blocks or Bernoulli.

    Raises:
        ShapeError: the family reads other than one raw number an entry, or the network maps to another shape than it takes.
    """

    def __init__(self, network: Network, family: Family) -> None:
        super().__init__()
        if family.raw_per_value != 1 or not family.discrete:
            raise ShapeError(
                f"Clamped puts a logit in the place of what was observed, {type(family).__name__} reads "
                f"{family.raw_per_value} raw numbers an entry; use 'one-hot-blocks' or 'bernoulli'."
            )
        if network.in_shape != network.out_shape:
            raise ShapeError(
                f"Clamped needs x and z of one shape, its network maps {tuple(network.in_shape)} to "
                f"{tuple(network.out_shape)}; use 'amortized' where x is not a part of z."
            )
        self.encoder = Amortized(network, family)

    @property
    def network(self) -> Network:
        """The encoder's."""
        return self.encoder.network

    @property
    def family(self) -> Family:
        """The encoder's."""
        return self.encoder.family

    def infer(self, model: GenerativeModel, batch: Batch) -> Distribution:
        """As ``encode``.

        Raises:
            ShapeError: x is no part of this model's z, so that what was seen says nothing of it for certain.
        """
        if not model.shows_latents:
            raise ShapeError(
                f"Clamped takes what was seen of x for z itself, which {type(model).__name__}'s x is not; use 'amortized'."
            )
        return self.encode(batch.x, batch.mask)

    def encode(self, x: Tensor, mask: Tensor | None = None) -> Distribution:
        """x (B, *x_shape) -> batch (B,), event z_shape. No draw is made here."""
        return self.family.distribution(self.raw(x, mask), event_dim=len(self.network.out_shape))

    def raw(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits: x (B, *x_shape) -> (B, 1, *z_shape)."""
        seen = torch.ones_like(x, dtype=torch.bool) if mask is None else expand_mask(mask, x).expand_as(x)
        known = torch.where(seen, (2 * x - 1) * CERTAIN, 0.0)
        return torch.where(seen.unsqueeze(1), known.unsqueeze(1), self.encoder.raw(x, seen))
