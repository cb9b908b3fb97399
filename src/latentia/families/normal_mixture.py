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
# Orders of the places that are tried for each latent.
SHUFFLES = 128


class NormalMixture(Family):
    """q(z | x) = sum_k pi_k prod_d N(z_d; mu_kd, sigma_kd).

    raw holds K rows of locations, K of raw scales, and K whose averages over the latents are the logits of pi. To the
    locations fixed places are added, other ones for each component: from equal raw numbers, such as an untrained encoder's
    near zero, all components would get equal gradients and stay one. The places are a Latin hypercube, every latent's a
    shuffle of the same K quantiles of a normal. The shuffles come from a fixed seed, each latent's the one among several
    that is least correlated with those of the latents before it; no more than K - 1 could be without any.

    Args:
        n_latents: D, the length of z.
        components: K, at least 1; 1 is a diagonal normal.

    Raises:
        LatentiaError: ``components`` is no whole number, or below 1.
    """

    places: Tensor

    differentiable_once = True

    def __init__(self, n_latents: int, components: int = 5) -> None:
        super().__init__()
        if not isinstance(components, int) or components < 1:
            raise LatentiaError(f"components is {components}, wanted a whole number of at least 1; 5 is a good start.")
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
        if raw.ndim < 2 or raw.shape[-2] != self.raw_per_value:
            raise ShapeError(
                f"NormalMixture of {self.components} components was given raw numbers {tuple(raw.shape)}; "
                f"give it (..., {self.raw_per_value}, {self.n_latents})."
            )
        loc, raw_scale, raw_logits = raw.unflatten(-2, (3, self.components)).unbind(-3)
        return ByLogits(raw_logits.mean(-1), loc + self.places, self.width * positive(raw_scale), validate_args=False)


def _latin_hypercube(components: int, dim: int) -> Tensor:
    """(K, D): each column the same K numbers of mean 0 and standard deviation SPREAD, in an order of its own."""
    quantiles = torch.special.ndtri((torch.arange(components, device="cpu").double() + 0.5) / components)
    standard = quantiles / quantiles.square().mean().sqrt().clamp_min(1e-12)
    # A generator of its own, so that every run starts at the same places and the global one is left where it was.
    generator = torch.Generator("cpu").manual_seed(0)
    columns = torch.empty(dim, components, dtype=torch.float64, device="cpu")
    for d in range(dim):
        shuffles = torch.rand(SHUFFLES, components, generator=generator, device="cpu").argsort(-1)
        candidates = standard[shuffles]
        correlations = candidates @ columns[:d].mT / components
        # A high power, so that the nearest of the earlier columns counts most and, among equals, how often it comes.
        columns[d] = candidates[correlations.pow(32).sum(-1).argmin()]
    return (SPREAD * columns.mT).contiguous().to(torch.get_default_device(), torch.get_default_dtype())
