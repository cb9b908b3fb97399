"""A network that looks at the bound's slope and says where to go next, the same at every step.

Marino, Yue & Mandt (2018), Iterative Amortized Inference.
"""

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from latentia.core import Batch
from latentia.core.checks import check_counts
from latentia.core.errors import ShapeError
from latentia.core.random import seeded
from latentia.families import Family
from latentia.models import GenerativeModel
from latentia.networks import Network
from latentia.posteriors.base import Posterior
from latentia.posteriors.inner import check_reparameterized, landing_slope


class Iterative(Posterior):
    """raw_t = gate * raw_(t-1) + (1 - gate) * proposal, both from network(raw_(t-1), slope of the ELBO there).

    The first raw numbers are learned, and the same for all rows: a row is seen by its slopes alone. Slopes enter in units of
    their own root mean square, whose logarithm enters beside them, and as numbers: gradients pass along the raw numbers and
    through the network, not through the slopes.

    Args:
        network: from what ``network_shapes`` says, to two numbers for each raw one.
        family: how raw numbers are read as a distribution over z.
        steps: T; may be changed after training.
        draws: draws a step for the slope; the same noise at every call.

    Raises:
        ShapeError: the network takes or gives another number of values.
        LatentiaError: no steps or draws.
        NoReparameterization: draws of the family carry no gradient.
    """

    def __init__(self, network: Network, family: Family, steps: int = 5, draws: int = 4) -> None:
        super().__init__()
        check_counts(steps=steps, draws=draws)
        shape = (family.raw_per_value, *network.out_shape)
        in_shape, per_value = self.network_shapes(family, network.out_shape)
        if tuple(network.in_shape) != in_shape or network.per_value != per_value:
            raise ShapeError(
                f"Iterative's network maps {tuple(network.in_shape)} to {network.per_value} numbers a latent, wanted "
                f"{in_shape} to {per_value}; build it with Iterative.network_shapes(family, z_shape)."
            )
        check_reparameterized(family, torch.zeros(1, *shape))
        self.network, self.family, self.steps, self.draws = network, family, steps, draws
        self.start = nn.Parameter(torch.zeros(shape))

    @staticmethod
    def network_shapes(family: Family, z_shape: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
        """(in_shape, per_value) of a fitting network: raw numbers, their slopes and one scale; a gate and a proposal."""
        numbers = family.raw_per_value * torch.Size(z_shape).numel()
        return (2 * numbers + 1,), 2 * family.raw_per_value

    def infer(self, model: GenerativeModel, batch: Batch) -> Distribution:
        return self.family.distribution(self.path(model, batch)[-1], event_dim=len(self.network.out_shape))

    def path(self, model: GenerativeModel, batch: Batch) -> list[Tensor]:
        """Raw numbers before the first step and after each: steps + 1 tensors (B, raw_per_value, *z_shape)."""
        raws = [self.start.expand(len(batch.x), *self.start.shape)]
        with seeded(0):
            for _ in range(self.steps):
                _, slope = landing_slope(model, self.family, raws[-1], batch, self.draws)
                raws.append(self._moved(raws[-1], slope))
        return raws

    def _moved(self, raw: Tensor, slope: Tensor) -> Tensor:
        flat = slope.flatten(1)
        scale = flat.square().mean(1, keepdim=True).sqrt() + 1e-8
        gate, proposal = self.network.raw(torch.cat([raw.flatten(1), flat / scale, scale.log()], 1)).chunk(2, 1)
        # At the start of training a step keeps most of what it was given.
        gate = torch.sigmoid(gate + 1.0)
        return gate * raw + (1 - gate) * proposal
