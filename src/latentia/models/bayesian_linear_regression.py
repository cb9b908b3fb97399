"""Bayesian linear regression: by coordinate ascent, and exactly where conjugacy allows.

Bishop (2006), Pattern Recognition and Machine Learning, sections 3.3 and 10.3; the noise's precision is unknown, too.
"""

import math
from typing import NamedTuple

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, Gamma, Independent, LowRankMultivariateNormal, MultivariateNormal, Normal

from latentia.core import Batch
from latentia.core.errors import NoClosedForm, ShapeError
from latentia.distributions.multivariate import elliptical_student_t
from latentia.models.base import GenerativeModel
from latentia.models.bayesian_pca import kl_from_prior, mean, mean_log, no_such_factor, require_positive


class BayesianLinearRegression(GenerativeModel):
    """x | given, w ~ N(given . w, 1 / tau), w ~ N(0, I / (alpha s)), with s = 1, or s = tau if tied.

    The z of this model is w, one for all rows: x is the target (N, 1), ``Batch.given`` the features (N, p), a column of ones
    among them if there is to be an intercept. An unknown alpha or tau has a Gamma(shape, rate) prior. The posterior is q(w)
    q(alpha) q(tau) of what is unknown, in buffers. Where an exact answer exists, ``log_evidence`` and ``weight_posterior``
    give it.

    Args:
        n_features: p.
        weight_precision: alpha where it is known; None where it is to be inferred.
        noise_precision: tau where it is known; None where it is to be inferred.
        tied: whether the weights' prior is as wide as the noise, which makes a known alpha conjugate.
        shape: of both Gamma priors.
        rate: of both Gamma priors.

    Raises:
        ShapeError: no features.
        LatentiaError: a precision or a number of a prior is not positive.
    """

    weight: Tensor
    weight_tril: Tensor
    alpha_shape: Tensor
    alpha_rate: Tensor
    tau_shape: Tensor
    tau_rate: Tensor

    def __init__(
        self,
        n_features: int,
        weight_precision: float | None = None,
        noise_precision: float | None = None,
        tied: bool = False,
        shape: float = 1e-3,
        rate: float = 1e-3,
    ) -> None:
        super().__init__()
        if n_features < 1:
            raise ShapeError(f"BayesianLinearRegression needs a feature, got {n_features}; give at least a column of ones.")
        require_positive(
            weight_precision=1.0 if weight_precision is None else weight_precision,
            noise_precision=1.0 if noise_precision is None else noise_precision,
            shape=shape,
            rate=rate,
        )
        self.n_features, self.tied, self.shape, self.rate = n_features, tied, shape, rate
        self.weight_precision, self.noise_precision = weight_precision, noise_precision
        self.register_buffer("weight", torch.zeros(n_features))
        self.register_buffer("weight_tril", torch.eye(n_features))
        for name in ("alpha", "tau"):
            self.register_buffer(f"{name}_shape", torch.ones(()))
            self.register_buffer(f"{name}_rate", torch.ones(()))
        self.x_shape, self.z_shape = Size((1,)), Size((n_features,))

    @property
    def factors(self) -> tuple[str, ...]:
        """The weights, and of the precisions "alpha" and "tau" those that are unknown."""
        unknown = {"alpha": self.weight_precision is None, "tau": self.noise_precision is None}
        return ("weight", *(name for name, is_so in unknown.items() if is_so))

    @property
    def expected_precisions(self) -> tuple[Tensor, Tensor]:
        """E alpha and E tau: both () in float64."""
        know = self._known()
        return know.alpha, know.tau

    def prior(self, given: Tensor | None = None) -> Distribution:
        """p(w) at the expected precisions: batch (), event (p,)."""
        know = self._known()
        scale = (know.alpha * know.tied_tau).rsqrt().to(self.weight.dtype).expand_as(self.weight)
        return Independent(Normal(torch.zeros_like(scale), scale, validate_args=False), 1, validate_args=False)

    def likelihood(self, z: Tensor, given: Tensor | None = None) -> Distribution:
        """p(x | w, given) at the expected precision: z (K, B or 1, p), given (B, p) -> batch (K, B), event (1,).

        Raises:
            ShapeError: nothing is given.
        """
        loc = (z * _features(given)).sum(-1, keepdim=True)
        scale = self._known().tau.rsqrt().to(loc.dtype)
        return Independent(Normal(loc, scale, validate_args=False), 1, validate_args=False)

    def predictive(self, given: Tensor) -> Distribution:
        """p(x | given) with q(w)'s doubt and the expected noise (10.105): given (B, p) -> batch (B,), event (1,)."""
        loc = (given @ self.weight).unsqueeze(-1)
        variance = (given @ self.weight_tril).square().sum(-1, keepdim=True) + (1 / self._known().tau).to(loc.dtype)
        return Independent(Normal(loc, variance.sqrt(), validate_args=False), 1, validate_args=False)

    def variational_posterior(self, batch: Batch) -> MultivariateNormal:
        """q(w), which is itself one of the factors and not asked of the batch: batch (), event (p,)."""
        if batch.mask is not None:
            raise NoClosedForm("BayesianLinearRegression is written for complete rows; leave the others out.")
        # Cloned: updates are made in place, and an answer must not change after it was given.
        return MultivariateNormal(self.weight.clone(), scale_tril=self.weight_tril.clone(), validate_args=False)

    @torch.no_grad()
    def update(self, factor: str, batch: Batch, q: Distribution) -> None:
        """Put q(w), q(alpha) or q(tau) at its best, in place and in float64. q is not read: w is a factor.

        Raises:
            LatentiaError: no such factor, or one that is known.
            ShapeError: nothing is given.
        """
        if factor not in self.factors:
            raise no_such_factor(self, factor)
        know = self._known()
        y, features = batch.x.double().squeeze(-1), _features(batch.given).double()
        if factor == "weight":
            root = torch.linalg.cholesky(_ridge(features * know.tau.sqrt(), know.alpha * know.tied_tau))
            self.weight.copy_(torch.cholesky_solve((know.tau * features.T @ y).unsqueeze(-1), root).squeeze(-1))
            self.weight_tril.copy_(torch.linalg.cholesky(torch.cholesky_inverse(root)))
        elif factor == "alpha":
            self.alpha_shape.fill_(self.shape + self.n_features / 2)
            self.alpha_rate.copy_(self.rate + know.tied_tau * know.length / 2)
        else:
            spread = self._misfit(y, features, know)
            self.tau_shape.fill_(self.shape + (len(y) + self.n_features * self.tied) / 2)
            self.tau_rate.copy_(self.rate + (spread + know.alpha * know.length * self.tied) / 2)

    @torch.no_grad()
    def elbo(self, batch: Batch, q: Distribution) -> Tensor:
        """The bound on log p(x | given), every constant included: () nats in float64. q is not read: w is a factor.

        Raises:
            ShapeError: nothing is given.
        """
        know = self._known()
        y, features = batch.x.double().squeeze(-1), _features(batch.given).double()
        fit = len(y) / 2 * (know.log_tau - math.log(2 * math.pi)) - know.tau * self._misfit(y, features, know) / 2
        log_scale = know.log_alpha + know.log_tau * self.tied
        log_det = self.weight_tril.double().diagonal().log().sum()
        kl_weight = (know.alpha * know.tied_tau * know.length - self.n_features * (1 + log_scale)) / 2 - log_det
        unknown = [getattr(self, name) for name in self.factors if name != "weight"]
        return fit - kl_weight - sum(kl_from_prior(each, self.shape, self.rate) for each in unknown)

    def weight_posterior(self, batch: Batch) -> Distribution:
        """p(w | all rows), exactly: batch (), event (p,); a normal, or a Student t where tau is unknown.

        Raises:
            NoClosedForm: alpha is unknown, or tau is unknown and not tied; coordinate ascent approximates those.
        """
        alpha, tau, y, features = self._conjugate(batch)
        if tau is not None:
            precision = _ridge(features * tau**0.5, alpha * (tau if self.tied else 1.0))
            loc = torch.linalg.solve(precision, tau * features.T @ y)
            return MultivariateNormal(loc, precision_matrix=precision)
        precision, loc, a, b = self._normal_gamma(alpha, y, features)
        return elliptical_student_t(loc, torch.linalg.cholesky(b / a * torch.linalg.inv(precision)), 2 * a)

    def log_evidence(self, batch: Batch) -> Tensor:
        """log p(all rows | given), exactly, w and tau integrated out: () nats in float64.

        Raises:
            NoClosedForm: alpha is unknown, or tau is unknown and not tied.
        """
        alpha, tau, y, features = self._conjugate(batch)
        if tau is not None:
            spread = torch.full_like(y, 1 / tau)
            root = features * (alpha * (tau if self.tied else 1.0)) ** -0.5
            return LowRankMultivariateNormal(torch.zeros_like(y), root, spread).log_prob(y)
        precision, _, a, b = self._normal_gamma(alpha, y, features)
        det = (self.n_features * math.log(alpha) - torch.logdet(precision)) / 2
        gammas = self.shape * math.log(self.rate) - a * b.log() + torch.lgamma(a) - math.lgamma(self.shape)
        return det + gammas - len(y) / 2 * math.log(2 * math.pi)

    def start_at(self, x: Tensor) -> None:
        """Begin with noise as wide as the targets (N, 1); the features are not known here."""
        with torch.no_grad():
            self.tau_shape.fill_(1.0)
            self.tau_rate.copy_(x.double().square().mean().clamp_min(1e-12))

    @property
    def alpha(self) -> Gamma:
        """q(alpha), where alpha is unknown: batch ()."""
        return Gamma(self.alpha_shape, self.alpha_rate, validate_args=False)

    @property
    def tau(self) -> Gamma:
        """q(tau), where tau is unknown: batch ()."""
        return Gamma(self.tau_shape, self.tau_rate, validate_args=False)

    def _conjugate(self, batch: Batch) -> tuple[float, float | None, Tensor, Tensor]:
        if self.weight_precision is None or (self.noise_precision is None and not self.tied):
            raise NoClosedForm(
                "the exact posterior needs a known weight_precision, and a known noise_precision or tied=True; "
                "use CoordinateAscent, or give them."
            )
        y, features = batch.x.double().squeeze(-1), _features(batch.given).double()
        return self.weight_precision, self.noise_precision, y, features

    def _normal_gamma(self, alpha: float, y: Tensor, features: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of w, tau | y: the precision of w over tau, the mean of w, and tau's shape and rate (their exercise 3.12)."""
        precision = _ridge(features, alpha)
        loc = torch.linalg.solve(precision, features.T @ y)
        spread = (y - features @ loc).square().sum() + alpha * loc.square().sum()
        return precision, loc, torch.as_tensor(self.shape + len(y) / 2).to(spread), self.rate + spread / 2

    def _misfit(self, y: Tensor, features: Tensor, know: "_Known") -> Tensor:
        """E_q sum_n (y_n - given_n . w)^2."""
        return (y - features @ know.weight).square().sum() + (features @ know.root).square().sum()

    def _known(self) -> "_Known":
        weight, root = self.weight.double(), self.weight_tril.double()
        alpha, log_alpha = _moments(self.alpha, self.weight_precision)
        tau, log_tau = _moments(self.tau, self.noise_precision)
        length = weight.square().sum() + root.square().sum()
        return _Known(weight, root, length, alpha, log_alpha, tau, log_tau, tau if self.tied else torch.ones_like(tau))


class _Known(NamedTuple):
    """Under q, in float64: w's mean and factor, E ||w||^2, E and E log of alpha and of tau, and E s."""

    weight: Tensor
    root: Tensor
    length: Tensor
    alpha: Tensor
    log_alpha: Tensor
    tau: Tensor
    log_tau: Tensor
    tied_tau: Tensor


def _moments(q: Gamma, known: float | None) -> tuple[Tensor, Tensor]:
    if known is None:
        return mean(q), mean_log(q)
    value = torch.full_like(mean(q), known)
    return value, value.log()


def _ridge(features: Tensor, precision: Tensor | float) -> Tensor:
    """X'X + precision I: (p, p)."""
    eye = torch.eye(features.shape[1], dtype=features.dtype, device=features.device)
    return features.T @ features + precision * eye


def _features(given: Tensor | None) -> Tensor:
    if given is None:
        raise ShapeError("a regression needs Batch.given, the features (N, p), and got None; x is the target (N, 1).")
    return given
