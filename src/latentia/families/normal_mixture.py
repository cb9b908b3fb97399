"""A mixture of diagonal normals for each row: a posterior with several modes, or one of a shape that no single normal has.

Graves (2016), Stochastic Backpropagation through Mixture Density Distributions; Morningstar et al. (2021), Automatic
Differentiation Variational Inference with Mixtures.
"""

import torch
from torch import Tensor
from torch.distributions import Distribution

from latentia.core.errors import LatentiaError, ShapeError
from latentia.distributions.multivariate import NormalMixture as ByLogits
from latentia.families.base import Family, positive

# How far from the middle the components start, as a standard deviation; each is narrowed so that at raw zeros the whole
# has the prior's unit variance. Far enough to be told apart, near enough that each is drawn where the others are.
SPREAD = 0.5


class NormalMixture(Family):
    """q(z | x) = sum_k pi_k prod_d N(z_d; mu_kd, sigma_kd).

    raw holds K rows of locations, K of raw scales, and K whose averages over the latents are the logits of pi. To the
    locations fixed places are added, other ones for each component: from equal raw numbers, such as an untrained encoder's
    near zero, all components would get equal gradients and stay one. The places are a Latin hypercube, every latent's a
    shuffle of the same K quantiles of a normal.

    Args:
        n_latents: D, the length of z.
        components: K, at least 1; 1 is a diagonal normal.

    Raises:
        LatentiaError: no component.
    """

    places: Tensor

    def __init__(self, n_latents: int, components: int = 5) -> None:
        super().__init__()
        if components < 1:
            raise LatentiaError(f"components is {components}, wanted at least 1; 5 is a good start.")
        self.n_latents, self.components = n_latents, components
        self.register_buffer("places", _latin_hypercube(components, n_latents))
        self.width = (1 - SPREAD**2) ** 0.5 if components > 1 else 1.0

    @property
    def raw_per_value(self) -> int:
        return 3 * self.components

    def distribution(self, raw: Tensor, event_dim: int = 1) -> Distribution:
        if event_dim != 1 or raw.shape[-1] != self.n_latents:
            raise ShapeError(
                f"NormalMixture({self.n_latents}) was given an event of shape {tuple(raw.shape[-event_dim:])}; "
                f"give it a vector of {self.n_latents} latents."
            )
        loc, raw_scale, raw_logits = raw.unflatten(-2, (3, self.components)).unbind(-3)
        return ByLogits(raw_logits.mean(-1), loc + self.places, self.width * positive(raw_scale), validate_args=False)


def _latin_hypercube(components: int, dim: int) -> Tensor:
    """(K, D): each column the same K numbers of mean 0 and standard deviation SPREAD, in an order of its own."""
    # Multiples of the golden ratio, modulo 1, come in another order for each latent, and need no random numbers.
    golden = (5**0.5 - 1) / 2
    steps = torch.outer(torch.arange(1, components + 1).double(), torch.arange(1, dim + 1).double() * golden)
    order = steps.frac().argsort(0).argsort(0)
    quantiles = torch.special.ndtri((torch.arange(components).double() + 0.5) / components)
    spread = quantiles.square().mean().sqrt()
    return (SPREAD * quantiles / spread.clamp_min(1e-12))[order].to(torch.get_default_dtype())
