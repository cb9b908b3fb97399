"""A prior, a network and a family: the generative half of every variational autoencoder.

Kingma & Welling (2014), Auto-Encoding Variational Bayes; Rezende, Mohamed & Wierstra (2014), Stochastic Backpropagation.
"""

import torch
from torch import Tensor
from torch.distributions import Distribution

from latentia.core.errors import ShapeError
from latentia.families import Family
from latentia.models.base import GenerativeModel
from latentia.networks import Network
from latentia.priors import Prior


class Decoded(GenerativeModel):
    """z ~ prior, x | z ~ family(network(z)).

    Args:
        prior: p(z).
        network: z to the raw numbers of the family.
        family: how those are read.

    Raises:
        ShapeError: the parts do not fit; the message says which number to change.
    """

    def __init__(self, prior: Prior, network: Network, family: Family) -> None:
        super().__init__()
        if network.in_shape != prior.z_shape:
            raise ShapeError(
                f"the decoder takes {tuple(network.in_shape)} but the prior draws {tuple(prior.z_shape)}; "
                f"build the decoder with in_shape={tuple(prior.z_shape)}."
            )
        check_raw(network, family, "decoder")
        self.p_z, self.network, self.family = prior, network, family
        self.x_shape, self.z_shape = network.out_shape, prior.z_shape

    def prior(self, given: Tensor | None = None) -> Distribution:
        return self.p_z.distribution(given)

    def likelihood(self, z: Tensor, given: Tensor | None = None) -> Distribution:
        return self.family.distribution(self.network.raw(z), event_dim=len(self.x_shape))

    def start_at(self, x: Tensor) -> None:
        """Put the decoder's last bias at the mean of x, so that the first step does not spend itself on finding it."""
        mean, std = x.mean(0), x.std(0, correction=0)
        with torch.no_grad():
            self.network.start_at(self.family.raw_at(mean, std))
        self.family.start_at(x)
        self.p_z.start_at(x)


def check_raw(network: Network, family: Family, name: str) -> None:
    """Refuse a network that gives another number of raw values than its family reads.

    Raises:
        ShapeError: with the number to use.
    """
    if network.per_value != family.raw_per_value:
        raise ShapeError(
            f"{type(family).__name__} reads {family.raw_per_value} raw numbers a value, the {name} gives "
            f"{network.per_value}; build it with per_value={family.raw_per_value}."
        )
