"""Probabilistic PCA: a linear map, one noise variance, and every answer in closed form.

Tipping & Bishop (1999), Probabilistic Principal Component Analysis.
"""

import math

import torch
from torch import Size, Tensor, nn
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from latentia.core import Batch
from latentia.core.errors import NoClosedForm, ShapeError
from latentia.models.base import GenerativeModel
from latentia.models.factor_analysis import regress_on_latents


class PPCA(GenerativeModel):
    """z ~ N(0, I), x | z ~ N(W z + mean, sigma^2 I).

    Args:
        n_latents: q, the length of z.
        n_values: d, the length of x; q < d.

    Raises:
        ShapeError: q is not between 1 and d - 1.
    """

    zero: Tensor

    def __init__(self, n_latents: int, n_values: int) -> None:
        super().__init__()
        if not 0 < n_latents < n_values:
            raise ShapeError(f"PPCA needs 0 < latents < values, got {n_latents} latents for {n_values} values.")
        self.n_latents, self.n_values = n_latents, n_values
        self.weight = nn.Parameter(torch.randn(n_values, n_latents) / math.sqrt(n_values))
        self.mean = nn.Parameter(torch.zeros(n_values))
        self.log_sigma = nn.Parameter(torch.zeros(()))
        self.register_buffer("zero", torch.zeros(n_latents), persistent=False)
        self.x_shape, self.z_shape = Size((n_values,)), Size((n_latents,))

    @classmethod
    def maximum_likelihood(cls, x: Tensor, n_latents: int) -> "PPCA":
        """The global optimum for rows x (N, d), by an eigendecomposition in float64 (their equations 7 and 8)."""
        model = cls(n_latents, x.shape[1]).to(x)
        wide = x.double()
        values, vectors = torch.linalg.eigh(torch.cov(wide.T, correction=0))
        noise = values[:-n_latents].mean().clamp_min(1e-12)
        top, axes = values[-n_latents:].flip(0), vectors[:, -n_latents:].flip(1)
        with torch.no_grad():
            model.weight.copy_(axes * (top - noise).clamp_min(0).sqrt())
            model.mean.copy_(wide.mean(0))
            model.log_sigma.copy_(noise.log() / 2)
        return model

    def prior(self, given: Tensor | None = None) -> Distribution:
        return Independent(Normal(self.zero, torch.ones_like(self.zero), validate_args=False), 1, validate_args=False)

    def likelihood(self, z: Tensor, given: Tensor | None = None) -> Distribution:
        loc = z @ self.weight.T + self.mean
        return Independent(Normal(loc, self.log_sigma.exp(), validate_args=False), 1, validate_args=False)

    def log_marginal(self, x: Tensor) -> Tensor:
        """log p(x), z integrated out: (B, d) -> (B,) nats."""
        return self._marginal().log_prob(x)

    def exact_posterior(self, batch: Batch) -> Distribution:
        """p(z | x): batch (B,), event (q,).

        Raises:
            NoClosedForm: the batch has a mask, which this closed form does not cover.
        """
        if batch.mask is not None:
            raise NoClosedForm("PPCA's exact posterior is written for complete rows; impute first or use an encoder.")
        variance = (2 * self.log_sigma).exp()
        eye = torch.eye(self.n_latents, dtype=self.weight.dtype, device=self.weight.device)
        precision = eye + self.weight.T @ self.weight / variance
        loc = torch.linalg.solve(precision, self.weight.T @ (batch.x - self.mean).T / variance).T
        return MultivariateNormal(loc, precision_matrix=precision.expand(len(loc), -1, -1), validate_args=False)

    @torch.no_grad()
    def maximize(self, x: Tensor, q: Distribution) -> None:
        """The M step, in place (their appendix B); see ``regress_on_latents``. The noise variance is held above 1e-12.

        Args:
            x: (N, d) all training rows.
            q: their posterior, batch (N,), event (q,).

        Raises:
            NoClosedForm: q is not a ``MultivariateNormal``.
        """
        weight, noise, mean = regress_on_latents(x, q)
        self.weight.copy_(weight)
        self.mean.copy_(mean)
        self.log_sigma.copy_(noise.mean().clamp_min(1e-12).log() / 2)

    def start_at(self, x: Tensor) -> None:
        """Begin at the data's mean and its average variance, the weights on the same scale as the noise."""
        with torch.no_grad():
            self.mean.copy_(x.mean(0))
            log_spread = x.var(0, correction=0).mean().clamp_min(1e-6).log() / 2
            self.weight.mul_((log_spread - self.log_sigma).exp())
            self.log_sigma.copy_(log_spread)

    def _marginal(self) -> MultivariateNormal:
        eye = torch.eye(self.n_values, dtype=self.weight.dtype, device=self.weight.device)
        covariance = self.weight @ self.weight.T + (2 * self.log_sigma).exp() * eye
        return MultivariateNormal(self.mean, covariance, validate_args=False)
