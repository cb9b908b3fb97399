"""The normal between mean-field and full rank: a scale for each latent, and a few directions that they share.

Ong, Nott & Smith (2018), Gaussian Variational Approximation With a Factor Covariance Structure.
"""

import math

import torch
from torch import Tensor
from torch.distributions import Distribution, LowRankMultivariateNormal

from latentia.core.errors import LatentiaError, ShapeError
from latentia.families.base import Family, positive, raw_of_positive

# Length of each shared direction at raw zeros. At a length of zero its slope would vanish, and it would stay there.
NUDGE = 0.1
# How much wider a direction may be than the latents by themselves: beyond it float32 cannot tell two directions apart.
WIDEST = 100.0


class LowRankNormal(Family):
    """q(z | x) = N(z; mu, S (I + V V') S), S diagonal; raw holds mu, the raw S, and the columns of V.

    Cost and numbers grow with the latents, not with their square.

    Args:
        n_latents: D, the length of z.
        rank: columns of V, at least 1.

    Raises:
        LatentiaError: ``rank`` is no whole number, or below 1.
    """

    nudge: Tensor

    def __init__(self, n_latents: int, rank: int = 2) -> None:
        super().__init__()
        if not isinstance(rank, int) or rank < 1:
            raise LatentiaError(f"rank is {rank}, wanted a whole number of at least 1; 2 is a good start.")
        self.n_latents, self.rank = n_latents, rank
        # Cosines, so that no two of the first D columns start alike.
        place = (torch.arange(n_latents, dtype=torch.float64) + 0.5) * math.pi / n_latents
        waves = torch.cos(place * torch.arange(rank, dtype=torch.float64).unsqueeze(-1))
        self.register_buffer("nudge", (NUDGE * waves / n_latents**0.5).to(torch.get_default_dtype()))

    @property
    def raw_per_value(self) -> int:
        return 2 + self.rank

    @property
    def limit(self) -> float:
        """The largest entry of V."""
        return WIDEST / (self.n_latents * self.rank) ** 0.5

    def distribution(self, raw: Tensor, event_dim: int = 1) -> Distribution:
        if event_dim != 1 or raw.shape[-1] != self.n_latents:
            raise ShapeError(
                f"LowRankNormal({self.n_latents}) was given an event of shape {tuple(raw.shape[-event_dim:])}; "
                f"give it a vector of {self.n_latents} latents."
            )
        loc, scale, factor = self._parts(raw)
        return LowRankMultivariateNormal(loc, factor, scale.square(), validate_args=False)

    def mean_and_sd(self, raw: Tensor, event_dim: int = 1) -> tuple[Tensor, Tensor]:
        # The distribution would factor I + V'V at once, which exporters cannot.
        loc, scale, factor = self._parts(raw)
        return loc, (scale.square() + factor.square().sum(-1)).sqrt()

    def _parts(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """mu (..., D), the diagonal of S (..., D), and S V (..., D, rank)."""
        loc, scale = raw[..., 0, :], positive(raw[..., 1, :])
        # Bounded in length, not entry by entry: then I + V'V has a Cholesky factor at any raw numbers.
        shared = self.limit * torch.tanh((raw[..., 2:, :] + self.nudge) / self.limit)
        return loc, scale, (scale.unsqueeze(-2) * shared).mT

    def raw_along(self, covariance: Tensor) -> Tensor:
        """Raw numbers of a normal around zero that is as wide as ``covariance`` (D, D) in its widest directions.

        The rest is taken as alike, as in Tipping & Bishop (1999), Probabilistic Principal Component Analysis.

        Returns:
            (raw_per_value, D).
        """
        values, vectors = torch.linalg.eigh(covariance)
        rank = min(self.rank, self.n_latents - 1)
        rest = values[: self.n_latents - rank].mean()
        lengths = (values[self.n_latents - rank :] / rest - 1).clamp_min(0).sqrt()
        shared = (vectors[:, self.n_latents - rank :] * lengths).mT.clamp(-0.9 * self.limit, 0.9 * self.limit)
        raw = covariance.new_zeros(self.raw_per_value, self.n_latents)
        raw[1] = raw_of_positive(rest.sqrt())
        raw[2 : 2 + rank] = self.limit * torch.atanh(shared / self.limit) - self.nudge[:rank].to(raw)
        return raw
