"""Bits below layers of bits: the sigmoid belief network, the generative half of a Helmholtz machine.

Neal (1992), Connectionist Learning of Belief Networks; Saul, Jaakkola & Jordan (1996), Mean Field Theory for Sigmoid Belief
Networks; with deterministic layers in between as in Mnih & Gregor (2014), Neural Variational Inference and Learning.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from latentia.core.errors import ShapeError
from latentia.distributions import layers_of_bits
from latentia.families import Bernoulli
from latentia.models.base import GenerativeModel
from latentia.networks import MLP, Network, as_shape


class SigmoidBeliefNetwork(GenerativeModel):
    """z_L ~ Bernoulli(logits), z_k | z_{k+1} ~ Bernoulli(between_k(z_{k+1})), x | z_1 ~ Bernoulli(network(z_1)).

    z is one vector: the bits of z_1, which is next to x, then those of z_2, and so on up. ``posteriors.Layered`` answers in
    the same layout.

    Args:
        x_shape: shape of one x.
        layers: bits of z_1, ..., z_L.
        hidden: widths of deterministic tanh layers inside every network; empty for linear maps.

    Raises:
        ShapeError: no layer, or one without a bit.
    """

    def __init__(self, x_shape: Sequence[int] | int, layers: Sequence[int] = (200,), hidden: Sequence[int] = ()) -> None:
        super().__init__()
        check_layers(layers)
        self.layers, self.hidden = list(layers), list(hidden)
        self.x_shape, self.z_shape = as_shape(x_shape), torch.Size((sum(layers),))
        self.logits = nn.Parameter(torch.zeros(layers[-1]))
        self.network = MLP(layers[0], hidden, self.x_shape, activation="tanh")
        # between[k] maps z_{k+2} to the logits of z_{k+1}.
        self.between = nn.ModuleList(MLP(above, hidden, below, activation="tanh") for below, above in pairwise(layers))
        self.family = Bernoulli()

    def prior(self, given: Tensor | None = None) -> Distribution:
        """Of one layer a product of Bernoullis, else ``LayeredBits`` that draws downwards."""
        return layers_of_bits(self.logits, as_conditionals(self.between)[::-1], self.layers, upwards=False)

    def likelihood(self, z: Tensor, given: Tensor | None = None) -> Distribution:
        return self.family.distribution(self.network.raw(z[..., : self.layers[0]]), event_dim=len(self.x_shape))

    def start_at(self, x: Tensor) -> None:
        """Put the lowest bias at the mean of x, so that the first steps do not spend themselves on finding it."""
        with torch.no_grad():
            self.network.start_at(self.family.raw_at(x.mean(0), x.std(0, correction=0)))


def check_layers(layers: Sequence[int]) -> None:
    """Refuse a network without layers, or a layer without bits.

    Raises:
        ShapeError: with what came.
    """
    if not layers or min(layers) < 1:
        raise ShapeError(f"layers is {list(layers)}, wanted the bits of each layer, such as [200] or [200, 200].")


def as_conditionals(networks: nn.ModuleList) -> list[Callable[[Tensor], Tensor]]:
    """Networks of one raw number a bit, each as bits (..., width) -> logits (..., width of the next layer)."""
    return [partial(_logits, cast("Network", network)) for network in networks]


def _logits(network: Network, bits: Tensor) -> Tensor:
    return network.raw(bits).squeeze(-2)
