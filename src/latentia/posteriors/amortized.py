"""An encoder: one network that answers for every row.

Kingma & Welling (2014), Auto-Encoding Variational Bayes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution

from latentia.core import Batch
from latentia.core.checks import expand_mask
from latentia.core.errors import ShapeError
from latentia.families import Family
from latentia.models import GenerativeModel, check_raw
from latentia.networks import Network
from latentia.posteriors.base import Posterior


class Amortized(Posterior):
    """q(z | x) = family(network((x - center) / spread)); missing values enter at the center, as zero.

    Center and spread are 0 and 1 until ``start_at`` has seen training rows. They are numbers for the whole event, not
    for each value, so that a pixel that is almost never on is not blown up.

    With ``see_mask`` the network is told which values were seen, since a value that is missing and one at the center are not
    the same news: 1 for each value that was and 0 for each that was not are laid behind x along its first axis. Without a
    mask everything was seen.

    Args:
        network: x, or what ``input_shape`` says, to the raw numbers of the family.
        family: how those are read as a distribution over z.
        see_mask: the network sees which values were observed, too.

    Raises:
        ShapeError: the network gives another number of raw values than the family reads, or has no room for the mask.
    """

    center: Tensor
    spread: Tensor

    def __init__(self, network: Network, family: Family, see_mask: bool = False) -> None:
        super().__init__()
        check_raw(network, family, "encoder")
        if see_mask and network.in_shape[0] % 2:
            raise ShapeError(
                f"see_mask lays the mask behind x, but the encoder takes {tuple(network.in_shape)}; "
                "build it with in_shape=Amortized.input_shape(x_shape, see_mask=True)."
            )
        self.network, self.family, self.see_mask = network, family, see_mask
        self.register_buffer("center", torch.zeros(()))
        self.register_buffer("spread", torch.ones(()))

    @staticmethod
    def input_shape(x_shape: Sequence[int], see_mask: bool) -> tuple[int, ...]:
        """What the network takes: x's shape, twice as long in its first axis where the mask is laid behind.

        >>> Amortized.input_shape((1, 8, 8), see_mask=True)
        (2, 8, 8)
        """
        return ((1 + see_mask) * x_shape[0], *x_shape[1:])

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
        if self.see_mask:
            seen = torch.ones_like(x) if mask is None else expand_mask(mask, x).expand_as(x).to(x.dtype)
            scaled = torch.cat([scaled, seen], 1)
        return self.network.raw(scaled)

    def start_at(self, x: Tensor) -> None:
        """Take center and spread from training rows."""
        with torch.no_grad():
            self.center.copy_(x.mean())
            self.spread.copy_(x.std(correction=0).clamp_min(1e-6))
