"""An encoder's answer, refined by a few steps along the bound's slope at each row.

Kim, Wiseman, Miller, Sontag & Rush (2018), Semi-Amortized Variational Autoencoders.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from latentia.core import Batch
from latentia.core.checks import check_counts, check_positive
from latentia.core.errors import NonFinite, NoReparameterization
from latentia.core.random import seeded
from latentia.families import Family
from latentia.models import GenerativeModel
from latentia.networks import Network
from latentia.posteriors.amortized import Amortized
from latentia.posteriors.base import Posterior
from latentia.posteriors.inner import check_reparameterized, judged_bound, per_row, smooth_slope

# Nats beyond as many as it had that a row's bound may lose to its steps before they count as diverged.
FALL = 100.0


class SemiAmortized(Posterior):
    """raw_0 = encoder(x); raw_t = raw_(t-1) + rate * slope of the ELBO at raw_(t-1); q = family(raw_steps).

    Each raw number has a rate of its own, learned with everything else. With ``differentiate`` the encoder, the rates and
    the model are told how they change where the steps lead, by gradients through the steps; without, the steps are taken as
    constants, at less than half of the cost.

    Args:
        network: x to the raw numbers of the family.
        family: how those are read as a distribution over z.
        steps: T; may be changed after training.
        rate: of each raw number, before any is learned.
        draws: draws a step; the same noise at every call.
        clip: largest length of a row's slope; longer ones are shortened. 0 leaves all as they are.
        differentiate: pass gradients through the steps, in training.
        see_mask: the encoder sees which values were observed, too; see ``Amortized``.
        scale_each: the encoder's; likewise.
        log_values: the encoder's; likewise.

    Raises:
        ShapeError: the network gives another number of raw values than the family reads.
        LatentiaError: no steps or draws, or a rate that is not positive.
        NoReparameterization: draws of the family carry no gradient, or not the second order that ``differentiate`` needs.
    """

    def __init__(
        self,
        network: Network,
        family: Family,
        steps: int = 5,
        rate: float = 0.01,
        draws: int = 4,
        clip: float = 20.0,
        differentiate: bool = True,
        see_mask: bool = False,
        scale_each: bool = False,
        log_values: Sequence[int] | Literal["all"] = (),
    ) -> None:
        super().__init__()
        check_counts(steps=steps, draws=draws)
        check_positive(rate=rate)
        check_positive(clip=clip, zero=True)
        if differentiate and family.differentiable_once:
            raise NoReparameterization(
                f"gradients through the steps need draws that can be differentiated twice, those of {type(family).__name__} "
                "can be once; use differentiate=False, or another family."
            )
        self.encoder = Amortized(network, family, see_mask, scale_each, log_values)
        shape = (family.raw_per_value, *network.out_shape)
        check_reparameterized(family, torch.zeros(1, *shape))
        self.steps, self.rate, self.draws, self.clip, self.differentiate = steps, rate, draws, clip, differentiate
        self.log_rate = nn.Parameter(torch.full(shape, math.log(rate)))

    @property
    def network(self) -> Network:
        """The encoder's."""
        return self.encoder.network

    @property
    def family(self) -> Family:
        """The encoder's, and that of the refined answer."""
        return self.encoder.family

    @property
    def see_mask(self) -> bool:
        """The encoder's."""
        return self.encoder.see_mask

    @property
    def scale_each(self) -> bool:
        """The encoder's."""
        return self.encoder.scale_each

    @property
    def log_values(self) -> list[int] | Literal["all"]:
        """The encoder's."""
        return self.encoder.log_values

    def infer(self, model: GenerativeModel, batch: Batch) -> Distribution:
        """Encode, then refine.

        Raises:
            NonFinite: outside of training, where the bound of a row fell out of all measure, or was never finite.
        """
        raws, bounds = self._refined(model, batch)
        if not self.training:
            bounds = [*bounds, judged_bound(model, self.family, raws[-1], batch, self.draws)]
            lost = int((~torch.isfinite(bounds[0])).sum())
            if (why := self._divergence(bounds)) is not None:
                raise NonFinite(f"{why}.")
            if lost:
                raise NonFinite(
                    f"the bound is not finite at the encoder's own answer in {lost} of {len(bounds[0])} rows; look for NaN "
                    "or infinite values in them, or begin with a smaller lr."
                )
        return self.family.distribution(raws[-1], event_dim=len(self.network.out_shape))

    def path(self, model: GenerativeModel, batch: Batch) -> list[Tensor]:
        """Raw numbers before the first step and after each: steps + 1 tensors (B, raw_per_value, *z_shape)."""
        return self._refined(model, batch)[0]

    def diagnose(self, model: GenerativeModel, batch: Batch) -> str | None:
        """Name the step at which the bound of a row fell out of all measure, the rate, and one to try."""
        raws, bounds = self._refined(model, batch)
        return self._divergence([*bounds, judged_bound(model, self.family, raws[-1], batch, self.draws)])

    def _refined(self, model: GenerativeModel, batch: Batch) -> tuple[list[Tensor], list[Tensor]]:
        """The path, and each row's ELBO by a few draws (B,) at all of it but the end, where no slope is asked for."""
        raws, bounds = [self.encoder.raw(batch.x, batch.mask)], []
        through = self.differentiate and self.training and torch.is_grad_enabled() and raws[0].requires_grad
        with seeded(0):
            for _ in range(self.steps):
                bound, slope = smooth_slope(model, self.family, raws[-1], batch, self.draws, through)
                raws.append(raws[-1] + self.log_rate.exp() * self._shortened(slope))
                bounds.append(bound.detach())
        return raws, bounds

    def _divergence(self, bounds: list[Tensor]) -> str | None:
        """What to say of bounds (B,) along the path; of rows that had none to begin with, nothing."""
        first = bounds[0]
        lowest = first - first.abs() - FALL
        for step, now in enumerate(bounds):
            bad = torch.isfinite(first) & ~(torch.isfinite(now) & (now >= lowest))
            if not bool(bad.any()):
                continue
            fall = float((first - now)[bad].mean())
            how = f"the bound fell by {fall:.2g} nats" if math.isfinite(fall) else "the bound is no longer finite"
            where = f"step {step} of {self.steps} in {int(bad.sum())} of {len(first)} rows"
            largest = float(self.log_rate.detach().exp().max())
            return (
                f"semi-amortized inference diverged at {where}, {how}; its largest rate is {largest:.2g}: "
                f"try posterior.rate={largest / 10:.1g}{'' if self.clip else ', or posterior.clip=1'}"
            )
        return None

    def start_at(self, x: Tensor) -> None:
        """The encoder looks at training rows."""
        self.encoder.start_at(x)

    def _shortened(self, slope: Tensor) -> Tensor:
        if not self.clip:
            return slope
        # A constant: how much a slope is shortened says nothing of where to go.
        length = slope.detach().flatten(1).norm(dim=1)
        return slope * per_row((self.clip / length.clamp_min(1e-12)).clamp_max(1.0), slope)
