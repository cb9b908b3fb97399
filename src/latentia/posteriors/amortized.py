"""An encoder: one network that answers for every row.

Kingma & Welling (2014), Auto-Encoding Variational Bayes.
"""

from collections.abc import Sequence
from typing import Literal

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

# A value that varied by less than this in training says nothing in units of its spread.
SMALLEST_SPREAD = 1e-6


class Amortized(Posterior):
    """q(z | x) = family(network((x - center) / spread)); missing values enter at the center, as zero.

    Center and spread are 0 and 1 until ``start_at`` has seen training rows. They are numbers for the whole event, so that a
    pixel that is almost never on is not blown up; with ``scale_each`` they are those of each value, as the columns of a
    table need, whose units have nothing to do with each other. A value that never varied then keeps a spread of 1.

    With ``see_mask`` the network is told which values were seen, since a value that is missing and one at the center are not
    the same news: 1 for each value that was and 0 for each that was not are laid behind x along its first axis. Without a
    mask everything was seen.

    Args:
        network: x, or what ``input_shape`` says, to the raw numbers of the family.
        family: how those are read as a distribution over z.
        see_mask: the network sees which values were observed, too.
        scale_each: center and spread are those of each value.
        log_values: places in the flattened event of values that enter as log(1 + x), such as counts; or "all".

    Raises:
        ShapeError: the network gives another number of raw values than the family reads, or has no room for the mask; a
            place beyond the event.
    """

    center: Tensor
    spread: Tensor
    as_logarithm: Tensor

    def __init__(
        self,
        network: Network,
        family: Family,
        see_mask: bool = False,
        scale_each: bool = False,
        log_values: Sequence[int] | Literal["all"] = (),
    ) -> None:
        super().__init__()
        check_raw(network, family, "encoder")
        if see_mask and network.in_shape[0] % 2:
            raise ShapeError(
                f"see_mask lays the mask behind x, but the encoder takes {tuple(network.in_shape)}; "
                "build it with in_shape=Amortized.input_shape(x_shape, see_mask=True)."
            )
        self.network, self.family, self.see_mask, self.scale_each = network, family, see_mask, scale_each
        self.log_values: list[int] | Literal["all"] = "all" if log_values == "all" else list(log_values)
        first, *rest = network.in_shape
        x_shape = (first // (1 + see_mask), *rest)
        self.register_buffer("center", torch.zeros(x_shape if scale_each else ()))
        self.register_buffer("spread", torch.ones(x_shape if scale_each else ()))
        self.register_buffer("as_logarithm", self._logarithms(x_shape), persistent=False)

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
        scaled = (self._entering(x) - self.center).div_(self.spread)
        if mask is not None:
            scaled = torch.where(expand_mask(mask, x), scaled, torch.zeros((), dtype=x.dtype, device=x.device))
        if self.see_mask:
            seen = torch.ones_like(x) if mask is None else expand_mask(mask, x).expand_as(x).to(x.dtype)
            scaled = torch.cat([scaled, seen], 1)
        return self.network.raw(scaled)

    def start_at(self, x: Tensor) -> None:
        """Take center and spread from training rows."""
        with torch.no_grad():
            x = self._entering(x)
            self.center.copy_(x.mean(0) if self.scale_each else x.mean())
            spread = x.std(0, correction=0) if self.scale_each else x.std(correction=0).clamp_min(SMALLEST_SPREAD)
            self.spread.copy_(torch.where(spread < SMALLEST_SPREAD, 1.0, spread))

    def _entering(self, x: Tensor) -> Tensor:
        return x if self.log_values == [] else torch.where(self.as_logarithm, x.clamp_min(0).log1p(), x)

    def _logarithms(self, x_shape: tuple[int, ...]) -> Tensor:
        """(*x_shape) True where a value enters as its logarithm."""
        if self.log_values == "all":
            return torch.ones(x_shape, dtype=torch.bool)
        n = torch.Size(x_shape).numel()
        beyond = [place for place in self.log_values if not 0 <= place < n]
        if beyond:
            raise ShapeError(f"log_values names place {beyond[0]}, the values of a row are numbered 0 to {n - 1}.")
        flat = torch.zeros(n, dtype=torch.bool)
        flat[torch.tensor(self.log_values, dtype=torch.long)] = True
        return flat.reshape(x_shape)
