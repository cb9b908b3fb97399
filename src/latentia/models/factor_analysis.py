"""Factor analysis: a linear map and a noise variance for each value, fitted by expectation-maximization.

Rubin & Thayer (1982), EM Algorithms for ML Factor Analysis.
"""

import math

import torch
from torch import Size, Tensor, nn
from torch.distributions import Distribution, Independent, LowRankMultivariateNormal, MultivariateNormal, Normal

from latentia.core import Batch
from latentia.core.errors import LatentiaError, NoClosedForm, ShapeError
from latentia.models.base import GenerativeModel


class FactorAnalysis(GenerativeModel):
    """z ~ N(0, I), x | z ~ N(W z + mean, diag psi).

    Nothing of size d x d is ever made: the marginal and the posterior solve systems of q equations (Woodbury).

    Args:
        n_latents: q, the length of z.
        n_values: d, the length of x; q < d.
        variance_floor: the smallest psi that ``maximize`` and ``start_at`` will set, in squared units of x. Without one
            the likelihood has no maximum where a value is constant or where a latent explains a value entirely (Heywood).

    Raises:
        ShapeError: q is not between 1 and d - 1.
        LatentiaError: the floor is not positive.
    """

    zero: Tensor

    def __init__(self, n_latents: int, n_values: int, variance_floor: float = 1e-6) -> None:
        super().__init__()
        if not 0 < n_latents < n_values:
            raise ShapeError(
                f"FactorAnalysis needs 0 < latents < values, got {n_latents} latents for {n_values} values; use fewer."
            )
        if not 0 < variance_floor < math.inf:
            raise LatentiaError(f"variance_floor is {variance_floor}, wanted a positive number such as 1e-6.")
        self.n_latents, self.n_values, self.variance_floor = n_latents, n_values, variance_floor
        self.weight = nn.Parameter(torch.randn(n_values, n_latents) / math.sqrt(n_values))
        self.mean = nn.Parameter(torch.zeros(n_values))
        self.log_sigma = nn.Parameter(torch.zeros(n_values))
        self.register_buffer("zero", torch.zeros(n_latents), persistent=False)
        self.x_shape, self.z_shape = Size((n_values,)), Size((n_latents,))

    @property
    def psi(self) -> Tensor:
        """Noise variances: (d,)."""
        return (2 * self.log_sigma).exp()

    def prior(self, given: Tensor | None = None) -> Distribution:
        return Independent(Normal(self.zero, torch.ones_like(self.zero), validate_args=False), 1, validate_args=False)

    def likelihood(self, z: Tensor, given: Tensor | None = None) -> Distribution:
        loc = z @ self.weight.T + self.mean
        return Independent(Normal(loc, self.log_sigma.exp(), validate_args=False), 1, validate_args=False)

    def log_marginal(self, x: Tensor) -> Tensor:
        """log p(x), z integrated out: (B, d) -> (B,) nats."""
        return LowRankMultivariateNormal(self.mean, self.weight, self.psi, validate_args=False).log_prob(x)

    def exact_posterior(self, batch: Batch) -> Distribution:
        """p(z | x): batch (B,), event (q,).

        Raises:
            NoClosedForm: the batch has a mask, which this closed form does not cover.
        """
        if batch.mask is not None:
            raise NoClosedForm(
                "FactorAnalysis's exact posterior is written for complete rows; impute first or use an encoder."
            )
        scaled = self.weight / self.psi.unsqueeze(-1)
        precision = torch.eye(self.n_latents, dtype=scaled.dtype, device=scaled.device) + self.weight.T @ scaled
        # One covariance serves all rows, so that it is factored once and not once a row.
        root = MultivariateNormal(torch.zeros_like(precision[0]), precision_matrix=precision, validate_args=False).scale_tril
        loc = (batch.x - self.mean) @ scaled @ root @ root.T
        return MultivariateNormal(loc, scale_tril=root.expand(len(loc), -1, -1), validate_args=False)

    @torch.no_grad()
    def maximize(self, x: Tensor, q: Distribution) -> None:
        """The M step, in place; see ``regress_on_latents``. A psi below the floor is put on it: the best psi allowed.

        Args:
            x: (N, d) all training rows.
            q: their posterior, batch (N,), event (q,).

        Raises:
            NoClosedForm: q is not a ``MultivariateNormal``.
        """
        weight, psi, mean = regress_on_latents(x, q)
        self.weight.copy_(weight)
        self.mean.copy_(mean)
        self.log_sigma.copy_(psi.clamp_min(self.variance_floor).log() / 2)

    def start_at(self, x: Tensor) -> None:
        """Begin at the data's mean and at each value's variance, the weights on the same scale as the noise."""
        with torch.no_grad():
            self.mean.copy_(x.mean(0))
            log_spread = x.var(0, correction=0).clamp_min(self.variance_floor).log() / 2
            self.weight.mul_((log_spread - self.log_sigma).exp().unsqueeze(-1))
            self.log_sigma.copy_(log_spread)


def regress_on_latents(x: Tensor, q: Distribution) -> tuple[Tensor, Tensor, Tensor]:
    """The M step of every model x = W z + mean + noise: x regressed on a z that is known by its posterior, in float64.

    W, an intercept and the variances maximize E_q log p(x, z). The mean returned is that of x instead of the intercept: it
    maximizes log p(x) itself, whatever W and psi are. Two climbs follow each other, so log p(x) never falls (Liu & Rubin
    1994, The ECME Algorithm), and W and the variances come out as if the E step had known that mean.

    Args:
        x: (N, d).
        q: batch (N,), event (q,).

    Returns:
        weight (d, q), variance of what is left of each value (d,), mean (d,).

    Raises:
        NoClosedForm: q is not a ``MultivariateNormal``.
    """
    if not isinstance(q, MultivariateNormal):
        raise NoClosedForm(
            f"a linear model's M step needs a MultivariateNormal posterior, got {type(q).__name__}; use the exact one."
        )
    mean = x.double().mean(0)
    values, z = x.double() - mean, q.mean.double()
    z = z - z.mean(0)
    doubt = q.covariance_matrix.double().mean(0)
    weight = torch.linalg.solve(doubt + z.T @ z / len(z), z.T @ values / len(z)).T
    # As a sum of squares, since a difference of variances would lose a small psi to rounding.
    variance = (values - z @ weight.T).square().mean(0) + ((weight @ doubt) * weight).sum(-1)
    return weight, variance, mean
