"""Bayesian PCA: probabilistic PCA whose weights have a precision a latent, so that latents the data do not need switch off.

Bishop (1999), Variational Principal Components; Bishop (2006), Pattern Recognition and Machine Learning, section 12.2.3.
"""

import math
from typing import NamedTuple

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, Gamma, Independent, MultivariateNormal, Normal, kl_divergence

from latentia.core import Batch
from latentia.core.errors import LatentiaError, NoClosedForm, ShapeError, nearest
from latentia.models.base import GenerativeModel, HasCoordinateAscent
from latentia.models.ppca import PPCA


class BayesianPCA(GenerativeModel):
    """z ~ N(0, I), x | z ~ N(W z + mean, I / tau); column i of W ~ N(0, I / alpha_i), mean ~ N(0, I / mean_precision).

    alpha_i and tau have Gamma(shape, rate) priors. The posterior is q(Z) q(W) q(mean) q(alpha) q(tau); all but q(Z) are
    buffers, which ``CoordinateAscent`` moves. As a generative model of x it stands at their means: E W, E mean, 1 / E tau.

    Args:
        n_latents: q, the length of z; more than are needed.
        n_values: d, the length of x; q < d.
        shape: of both Gamma priors. Small means broad.
        rate: of both Gamma priors, for tau in squared units of x.
        mean_precision: of the mean's prior around 0, in units of x to the power -2.

    Raises:
        ShapeError: q is not between 1 and d - 1.
        LatentiaError: a number of a prior is not positive.
    """

    factors = ("weight", "mean", "alpha", "tau")
    zero: Tensor
    weight: Tensor
    weight_tril: Tensor
    mean: Tensor
    mean_variance: Tensor
    alpha_shape: Tensor
    alpha_rate: Tensor
    tau_shape: Tensor
    tau_rate: Tensor

    def __init__(
        self, n_latents: int, n_values: int, shape: float = 1e-3, rate: float = 1e-3, mean_precision: float = 1e-3
    ) -> None:
        super().__init__()
        if not 0 < n_latents < n_values:
            raise ShapeError(
                f"BayesianPCA needs 0 < latents < values, got {n_latents} latents for {n_values} values; use fewer."
            )
        require_positive(shape=shape, rate=rate, mean_precision=mean_precision)
        self.n_latents, self.n_values = n_latents, n_values
        self.shape, self.rate, self.mean_precision = shape, rate, mean_precision
        self.register_buffer("weight", torch.randn(n_values, n_latents) / math.sqrt(n_values))
        # The rows of W share one covariance, of which this is the Cholesky factor.
        self.register_buffer("weight_tril", torch.eye(n_latents) / n_values)
        self.register_buffer("mean", torch.zeros(n_values))
        self.register_buffer("mean_variance", torch.ones(()) / n_values)
        self.register_buffer("alpha_shape", torch.ones(()))
        self.register_buffer("alpha_rate", torch.ones(n_latents))
        self.register_buffer("tau_shape", torch.ones(()))
        self.register_buffer("tau_rate", torch.ones(()))
        self.register_buffer("zero", torch.zeros(n_latents), persistent=False)
        self.x_shape, self.z_shape = Size((n_values,)), Size((n_latents,))

    @property
    def alpha(self) -> Gamma:
        """q(alpha): batch (q,)."""
        return Gamma(self.alpha_shape.expand_as(self.alpha_rate), self.alpha_rate, validate_args=False)

    @property
    def tau(self) -> Gamma:
        """q(tau): batch ()."""
        return Gamma(self.tau_shape, self.tau_rate, validate_args=False)

    @property
    def kept(self) -> Tensor:
        """(q,) True for a latent whose weights stand out of their own doubt: ||E w_i||^2 > E ||w_i - E w_i||^2.

        A latent that is switched off has weights whose mean is 0 but for what the sweeps have not yet worn away.
        """
        return self.weight.square().sum(0) > self.n_values * self.weight_tril.square().sum(-1)

    def prior(self, given: Tensor | None = None) -> Distribution:
        return Independent(Normal(self.zero, torch.ones_like(self.zero), validate_args=False), 1, validate_args=False)

    def likelihood(self, z: Tensor, given: Tensor | None = None) -> Distribution:
        loc, scale = z @ self.weight.T + self.mean, self.tau.mean.rsqrt()
        return Independent(Normal(loc, scale, validate_args=False), 1, validate_args=False)

    def at_means(self) -> PPCA:
        """PPCA with E W, E mean and 1 / E tau: the same prior and likelihood, with a closed log p(x) and p(z | x)."""
        model = PPCA(self.n_latents, self.n_values).to(self.weight)
        with torch.no_grad():
            model.weight.copy_(self.weight)
            model.mean.copy_(self.mean)
            model.log_sigma.copy_(-self.tau.mean.log() / 2)
        return model

    def variational_posterior(self, batch: Batch) -> MultivariateNormal:
        """q(Z) given the other factors: batch (B,), event (q,). It doubts W too, and so is wider than p(z | x, E W).

        Raises:
            NoClosedForm: the batch has a mask, which this closed form does not cover.
        """
        if batch.mask is not None:
            raise NoClosedForm("BayesianPCA's updates are written for complete rows; impute the missing cells first.")
        know = self._known()
        eye = torch.eye(self.n_latents, dtype=torch.float64, device=self.weight.device)
        covariance = torch.cholesky_inverse(torch.linalg.cholesky(eye + know.tau * know.gram))
        loc = know.tau * (batch.x.double() - know.mean) @ know.weight @ covariance
        root = torch.linalg.cholesky(covariance).to(batch.x.dtype)
        return MultivariateNormal(loc.to(batch.x.dtype), scale_tril=root.expand(len(loc), -1, -1), validate_args=False)

    @torch.no_grad()
    def update(self, factor: str, batch: Batch, q: Distribution) -> None:
        """Put q(W), q(mean), q(alpha) or q(tau) at its best, in place and in float64 (Bishop 1999, equations 19 to 23).

        Raises:
            LatentiaError: no such factor.
            NoClosedForm: q is not a ``MultivariateNormal``.
        """
        know, rows = self._known(), _rows(q)
        x = batch.x.double()
        if factor == "weight":
            precision = torch.diag(know.alpha) + know.tau * rows.second
            covariance = torch.cholesky_inverse(torch.linalg.cholesky(precision))
            self.weight.copy_(know.tau * (x - know.mean).T @ rows.z @ covariance)
            self.weight_tril.copy_(torch.linalg.cholesky(covariance))
        elif factor == "mean":
            precision = self.mean_precision + know.tau * len(x)
            self.mean.copy_(know.tau * (x - rows.z @ know.weight.T).sum(0) / precision)
            self.mean_variance.copy_(1 / precision)
        elif factor == "alpha":
            self.alpha_shape.fill_(self.shape + self.n_values / 2)
            self.alpha_rate.copy_(self.rate + know.gram.diagonal() / 2)
        elif factor == "tau":
            self.tau_shape.fill_(self.shape + x.numel() / 2)
            self.tau_rate.copy_(self.rate + self._misfit(x, know, rows) / 2)
        else:
            raise no_such_factor(self, factor)

    @torch.no_grad()
    def elbo(self, batch: Batch, q: Distribution) -> Tensor:
        """The bound on log p(x_1 ... x_N), every constant included: () nats in float64.

        Raises:
            NoClosedForm: q is not a ``MultivariateNormal``.
        """
        know, rows, x = self._known(), _rows(q), batch.x.double()
        fit = x.numel() / 2 * (know.log_tau - math.log(2 * math.pi)) - know.tau * self._misfit(x, know, rows) / 2
        kl_z = (rows.second.trace() - len(x) * self.n_latents) / 2 - rows.log_det
        # KL(q(W) || p(W | alpha)) averaged over q(alpha); half a log-determinant a row of W.
        log_det = self.weight_tril.double().diagonal().log().sum()
        kl_weight = (
            (know.alpha @ know.gram.diagonal() - self.n_values * (self.n_latents + know.log_alpha.sum())) / 2
        ) - self.n_values * log_det
        q_mean = Normal(know.mean, self.mean_variance.double().sqrt(), validate_args=False)
        p_mean = Normal(torch.zeros_like(know.mean), self.mean_precision**-0.5, validate_args=False)
        kl_mean = kl_divergence(q_mean, p_mean).sum()
        kl_gammas = sum(kl_from_prior(each, self.shape, self.rate) for each in (self.alpha, self.tau))
        return fit - kl_z - kl_weight - kl_mean - kl_gammas

    def start_at(self, x: Tensor) -> None:
        """Begin at the principal axes, with the noise that is left beside them: no draw, and far fewer sweeps to switch off.

        Where x has fewer directions than there are latents, the rest begin with weights of 0.
        """
        best = PPCA.maximum_likelihood(x, self.n_latents)
        noise = (2 * best.log_sigma.detach()).exp().double()
        # Without a floor a noiseless x would start with a precision that no sweep comes back from.
        noise = noise.clamp_min(1e-6 * x.double().var(0, correction=0).mean().clamp_min(1e-12))
        with torch.no_grad():
            self.weight.copy_(best.weight)
            self.weight_tril.copy_(torch.diag_embed((noise / len(x)).sqrt().expand(self.n_latents)))
            self.mean.copy_(best.mean)
            self.mean_variance.copy_(noise / len(x))
            self.alpha_shape.fill_(self.shape + self.n_values / 2)
            self.alpha_rate.copy_(self.rate + self._known().gram.diagonal() / 2)
            self.tau_shape.fill_(self.shape + x.numel() / 2)
            self.tau_rate.copy_(noise * x.numel() / 2)

    def _known(self) -> "_Known":
        """What the updates ask of the factors, in float64."""
        weight, root = self.weight.double(), self.weight_tril.double()
        alpha, tau = self.alpha, self.tau
        covariance = root @ root.T
        gram = weight.T @ weight + self.n_values * covariance
        return _Known(weight, covariance, gram, self.mean.double(), mean(alpha), mean_log(alpha), mean(tau), mean_log(tau))

    def _misfit(self, x: Tensor, know: "_Known", rows: "_Rows") -> Tensor:
        """E_q sum_n ||x_n - W z_n - mean||^2, as a sum of what is never negative."""
        left = (x - know.mean - rows.z @ know.weight.T).square().sum()
        doubt_of_z = ((know.weight @ rows.covariance) * know.weight).sum()
        doubt_of_weight = self.n_values * (know.covariance * rows.second).sum()
        return left + doubt_of_z + doubt_of_weight + x.numel() * self.mean_variance.double()


class _Known(NamedTuple):
    """Means under the factors: W (d, q), the covariance of its rows, E W'W (q, q), mean (d,), E and E log of alpha, tau."""

    weight: Tensor
    covariance: Tensor
    gram: Tensor
    mean: Tensor
    alpha: Tensor
    log_alpha: Tensor
    tau: Tensor
    log_tau: Tensor


class _Rows(NamedTuple):
    """Of q(Z): means (N, q); covariances and E z z', each summed over rows (q, q); half the log-determinants' sum."""

    z: Tensor
    covariance: Tensor
    second: Tensor
    log_det: Tensor


def _rows(q: Distribution) -> _Rows:
    if not isinstance(q, MultivariateNormal):
        raise NoClosedForm(
            f"Bayesian PCA's updates need a MultivariateNormal q(z), got {type(q).__name__}; use variational_posterior."
        )
    z, root = q.mean.double(), q.scale_tril
    if root.stride(0) == 0:  # one covariance for all rows, as variational_posterior gives: N times the work for nothing
        root = root[:1].double() * len(z) ** 0.5
        log_det = len(z) * q.scale_tril[0].double().diagonal().log().sum()
    else:
        root = root.double()
        log_det = root.diagonal(dim1=-2, dim2=-1).log().sum()
    covariance = (root @ root.mT).sum(0)
    return _Rows(z, covariance, covariance + z.T @ z, log_det)


def mean(q: Gamma) -> Tensor:
    """E_q of a Gamma, in float64."""
    return q.concentration.double() / q.rate.double()


def mean_log(q: Gamma) -> Tensor:
    """E_q log of a Gamma, in float64."""
    return torch.digamma(q.concentration.double()) - q.rate.double().log()


def kl_from_prior(q: Gamma, shape: float, rate: float) -> Tensor:
    """KL(q || Gamma(shape, rate)), summed over the batch: () nats in float64."""
    wide = Gamma(q.concentration.double(), q.rate.double(), validate_args=False)
    prior = Gamma(torch.full_like(wide.rate, shape), torch.full_like(wide.rate, rate), validate_args=False)
    return kl_divergence(wide, prior).sum()


def require_positive(**numbers: float) -> None:
    """Refuse a prior's number that is not positive and finite.

    Raises:
        LatentiaError: with its name.
    """
    for name, number in numbers.items():
        if not 0 < number < math.inf:
            raise LatentiaError(f"{name} is {number}, wanted a positive number such as 1e-3.")


def no_such_factor(model: HasCoordinateAscent, factor: str) -> LatentiaError:
    """The error for a factor that a model does not have, with those it has."""
    return LatentiaError(f"{type(model).__name__} has no factor {factor!r}; {nearest(factor, list(model.factors))}")
