"""The normal with every covariance: a location and a lower Cholesky factor for each row."""

import torch
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal

from latentia.core.errors import ShapeError
from latentia.families.base import Family, positive


class FullRankNormal(Family):
    """q(z | x) = N(z; mu, L L'); raw holds mu and a square of which the lower triangle is read.

    Args:
        n_latents: D, the length of z.
    """

    def __init__(self, n_latents: int) -> None:
        super().__init__()
        self.n_latents = n_latents

    @property
    def raw_per_value(self) -> int:
        return 1 + self.n_latents

    def distribution(self, raw: Tensor, event_dim: int = 1) -> Distribution:
        if event_dim != 1 or raw.shape[-1] != self.n_latents:
            raise ShapeError(
                f"FullRankNormal({self.n_latents}) was given an event of shape {tuple(raw.shape[-event_dim:])}; "
                f"give it a vector of {self.n_latents} latents."
            )
        loc, square = raw[..., 0, :], raw[..., 1:, :]
        # Off the diagonal by 1/sqrt(D), so that at equal raw spread no row of L outweighs its diagonal as D grows.
        off = torch.tril(square, -1) / self.n_latents**0.5
        diagonal = torch.diag_embed(positive(torch.diagonal(square, dim1=-2, dim2=-1)))
        return MultivariateNormal(loc, scale_tril=off + diagonal, validate_args=False)
