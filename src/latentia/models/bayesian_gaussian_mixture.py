"""A Gaussian mixture whose weights, means and precisions have priors, so that components the data do not need stay empty.

Bishop (2006), Pattern Recognition and Machine Learning, section 10.2; Blei & Jordan (2006), Variational Inference for
Dirichlet Process Mixtures.
"""

import math
from typing import Literal, NamedTuple

import torch
from torch import Size, Tensor
from torch.distributions import (
    Beta,
    Categorical,
    Dirichlet,
    Distribution,
    MixtureSameFamily,
    MultivariateNormal,
    kl_divergence,
)

from latentia.core import Batch
from latentia.core.errors import LatentiaError, NoClosedForm, ShapeError, SupportError, nearest
from latentia.distributions.multivariate import elliptical_student_t
from latentia.models.base import GenerativeModel
from latentia.models.bayesian_pca import no_such_factor, require_positive
from latentia.models.gaussian_mixture import GaussianMixture

Weights = Literal["dirichlet", "dirichlet-process"]
WEIGHTS = ["dirichlet", "dirichlet-process"]
SMALLEST_VARIANCE = 1e-12


class BayesianGaussianMixture(GenerativeModel):
    """z ~ Categorical(pi), x | z = k ~ N(mu_k, Lambda_k^-1), with priors on pi, mu and Lambda.

    Lambda_k ~ Wishart(degrees_of_freedom, S^-1) and mu_k | Lambda_k ~ N(prior_mean, (mean_precision Lambda_k)^-1), where S
    is the square of ``prior_tril``. pi ~ Dirichlet(concentration, ...), or pi_k = v_k (1 - v_1) ... (1 - v_k-1) with v_k ~
    Beta(1, concentration), of which q leaves the classes beyond C without rows. The posterior is q(Z) q(pi) prod_k
    q(mu_k, Lambda_k); all but q(Z) are buffers, which ``CoordinateAscent`` moves. As a generative model of x it
    stands at E pi, E mu and (E Lambda)^-1.

    Args:
        n_components: C; more than are needed.
        n_values: d, the length of x.
        concentration: of the weights' prior; 1 / C if None. Below 1, components compete for rows.
        mean_precision: how many rows the prior mean is worth.
        degrees_of_freedom: of the Wishart prior, at least d; d if None.
        weights: "dirichlet" or "dirichlet-process".

    Raises:
        ShapeError: no components, or no values.
        LatentiaError: a number of a prior that is out of range, or other weights.
    """

    factors = ("weights", "components")
    prior_mean: Tensor
    prior_tril: Tensor
    concentrations: Tensor
    mean: Tensor
    mean_precisions: Tensor
    dof: Tensor
    scatter_tril: Tensor

    def __init__(
        self,
        n_components: int,
        n_values: int,
        concentration: float | None = None,
        mean_precision: float = 1.0,
        degrees_of_freedom: float | None = None,
        weights: Weights = "dirichlet",
    ) -> None:
        super().__init__()
        if n_components < 1 or n_values < 1:
            raise ShapeError(
                f"BayesianGaussianMixture needs a component and a value, got {n_components} components of {n_values} values."
            )
        if weights not in WEIGHTS:
            raise LatentiaError(f"weights is {weights!r}; {nearest(str(weights), WEIGHTS)}")
        self.n_components, self.n_values = n_components, n_values
        self.concentration = 1 / n_components if concentration is None else concentration
        self.mean_precision = mean_precision
        self.degrees_of_freedom = float(n_values) if degrees_of_freedom is None else degrees_of_freedom
        self.weights: Weights = weights
        require_positive(concentration=self.concentration, mean_precision=mean_precision)
        if not n_values <= self.degrees_of_freedom < math.inf:
            raise LatentiaError(
                f"degrees_of_freedom is {self.degrees_of_freedom}, wanted at least the {n_values} values of x."
            )
        eye = torch.eye(n_values)
        self.register_buffer("prior_mean", torch.zeros(n_values))
        self.register_buffer("prior_tril", eye)
        self.register_buffer("concentrations", torch.ones(n_components, 2 if weights == "dirichlet-process" else 1))
        self.register_buffer("mean", torch.randn(n_components, n_values))
        self.register_buffer("mean_precisions", torch.full((n_components,), mean_precision))
        self.register_buffer("dof", torch.full((n_components,), self.degrees_of_freedom))
        # Cholesky factors of the inverse scales of q's Wisharts; their squares grow with the rows of a component.
        self.register_buffer("scatter_tril", eye.repeat(n_components, 1, 1) * n_values**0.5)
        self.x_shape, self.z_shape = Size((n_values,)), Size(())

    @property
    def expected_weights(self) -> Tensor:
        """E pi, made to sum to 1 over the C components: (C,)."""
        a = self.concentrations
        if self.weights == "dirichlet":
            return a[:, 0] / a.sum()
        share = a[:, 0] / a.sum(-1)
        sticks = share * torch.cat([torch.ones_like(share[:1]), (1 - share[:-1]).cumprod(0)])
        return sticks / sticks.sum()

    @property
    def rows(self) -> Tensor:
        """How many rows each component answers for, in expectation: (C,)."""
        return self.mean_precisions - self.mean_precision

    @property
    def kept(self) -> Tensor:
        """(C,) True for a component that answers for at least one row in expectation."""
        return self.rows >= 1

    def prior(self, given: Tensor | None = None) -> Categorical:
        return Categorical(probs=self.expected_weights, validate_args=False)

    def likelihood(self, z: Tensor, given: Tensor | None = None) -> Distribution:
        """p(x | z): z (K, B or 1), class indices -> batch (K, B), event (d,).

        Raises:
            SupportError: z is not of a whole-numbered type.
        """
        if z.is_floating_point():
            raise SupportError(f"z is a class index, wanted whole numbers, got {z.dtype}; draw z from the prior.")
        root = self.scatter_tril / self.dof.sqrt()[:, None, None]
        return MultivariateNormal(self.mean[z], scale_tril=root[z], validate_args=False)

    def predictive(self) -> MixtureSameFamily:
        """p(x) of a new row with q's doubt about every parameter, a mixture of Student t's: batch (), event (d,) (10.81)."""
        free, precision = self.dof + 1 - self.n_values, self.mean_precisions
        root = self.scatter_tril * ((1 + precision) / (precision * free)).sqrt()[:, None, None]
        return MixtureSameFamily(self.prior(), elliptical_student_t(self.mean, root, free), validate_args=False)

    def variational_posterior(self, batch: Batch) -> Categorical:
        """q(Z) given the other factors, the responsibilities: batch (B,), event ().

        Raises:
            NoClosedForm: the batch has a mask, which this closed form does not cover.
        """
        if batch.mask is not None:
            raise NoClosedForm("BayesianGaussianMixture's updates are written for complete rows; impute missing cells.")
        logits = self._log_weights() + self._fit(batch.x.double())
        return Categorical(logits=logits.to(batch.x.dtype), validate_args=False)

    @torch.no_grad()
    def update(self, factor: str, batch: Batch, q: Distribution) -> None:
        """Put q(pi) or every q(mu_k, Lambda_k) at its best, in place and in float64 (10.58 to 10.63).

        Raises:
            LatentiaError: no such factor.
            NoClosedForm: q is not a ``Categorical``.
        """
        shares, x = _shares(q), batch.x.double()
        counts = shares.sum(0)
        if factor == "weights":
            prior = self._prior_concentrations()
            if self.weights == "dirichlet-process":
                later = counts.flip(0).cumsum(0).flip(0) - counts
                self.concentrations.copy_(prior + torch.stack([counts, later], -1))
            else:
                self.concentrations.copy_(prior + counts.unsqueeze(-1))
        elif factor == "components":
            known = self.prior_mean.double()
            precision = self.mean_precision + counts
            means = (self.mean_precision * known + shares.T @ x) / precision.unsqueeze(-1)
            scatter = torch.stack([(r.unsqueeze(-1) * (x - m)).T @ (x - m) for r, m in zip(shares.T, means, strict=True)])
            # About the new mean instead of the component's own, so that an empty one needs no division by its rows.
            off = (means - known).unsqueeze(-1)
            root = self.prior_tril.double()
            scatter = scatter + root @ root.T + self.mean_precision * off @ off.mT
            self.scatter_tril.copy_(torch.linalg.cholesky(scatter))
            self.mean.copy_(means)
            self.mean_precisions.copy_(precision)
            self.dof.copy_(self.degrees_of_freedom + counts)
        else:
            raise no_such_factor(self, factor)

    @torch.no_grad()
    def elbo(self, batch: Batch, q: Distribution) -> Tensor:
        """The bound on log p(x_1 ... x_N), every constant included: () nats in float64 (10.70).

        Raises:
            NoClosedForm: q is not a ``Categorical``.
        """
        shares = _shares(q)
        fit = (shares * (self._log_weights() + self._fit(batch.x.double()))).sum()
        entropy = -torch.xlogy(shares, shares).sum()
        a = self.concentrations.double()
        prior = self._prior_concentrations()
        if self.weights == "dirichlet":
            kl_weights = kl_divergence(Dirichlet(a[:, 0]), Dirichlet(prior[:, 0]))
        else:
            kl_weights = kl_divergence(Beta(a[:, 0], a[:, 1]), Beta(prior[:, 0], prior[:, 1])).sum()
        return fit + entropy - kl_weights - self._kl_components()

    def start_at(self, x: Tensor) -> None:
        """Take the priors' mean and scatter from x (its mean, its covariance), then begin at far-apart rows (k-means++).

        As scikit-learn does, the Wishart prior expects the covariance of all rows. It is widened to stay positive definite
        where x is not of full rank.
        """
        begin = GaussianMixture(self.n_components, self.n_values, "diagonal").to(x)
        begin.start_at(x)
        wide = x.double()
        covariance = torch.atleast_2d(torch.cov(wide.T, correction=min(1, len(x) - 1)))
        ridge = SMALLEST_VARIANCE + 1e-6 * covariance.diagonal().mean()
        info = torch.linalg.cholesky_ex(covariance).info
        eye = torch.eye(self.n_values, dtype=wide.dtype, device=wide.device)
        with torch.no_grad():
            self.prior_mean.copy_(wide.mean(0))
            self.prior_tril.copy_(torch.linalg.cholesky(covariance + ridge * eye * (info > 0)))
            batch = Batch(x, torch.arange(len(x), device=x.device), len(x))
            q = begin.exact_posterior(batch)
            for factor in self.factors:
                self.update(factor, batch, q)

    def _prior_concentrations(self) -> Tensor:
        prior = torch.full_like(self.concentrations, self.concentration, dtype=torch.float64)
        if self.weights == "dirichlet-process":
            prior[:, 0] = 1.0
        return prior

    def _log_weights(self) -> Tensor:
        """E log pi: (C,) in float64."""
        a = self.concentrations.double()
        if self.weights == "dirichlet":
            return torch.digamma(a[:, 0]) - torch.digamma(a.sum())
        taken, left = (torch.digamma(a) - torch.digamma(a.sum(-1, keepdim=True))).unbind(-1)
        return taken + torch.cat([torch.zeros_like(left[:1]), left[:-1].cumsum(0)])

    def _fit(self, x: Tensor) -> Tensor:
        """E log N(x | mu_k, Lambda_k^-1): (N, d) -> (N, C) in float64."""
        known = self._components()
        away = torch.linalg.solve_triangular(known.root, (x.unsqueeze(1) - known.mean).permute(1, 2, 0), upper=False)
        squared = known.dof.unsqueeze(-1) * away.square().sum(1)
        constant = known.log_precision - self.n_values * (1 / known.precision + math.log(2 * math.pi))
        return (constant - squared.T) / 2

    def _kl_components(self) -> Tensor:
        """The divergences of q(mu_k, Lambda_k) from the prior, summed over k."""
        known, b, d = self._components(), self.mean_precision, self.n_values
        off = torch.linalg.solve_triangular(known.root, (known.mean - self.prior_mean.double()).unsqueeze(-1), upper=False)
        ratio = b / known.precision
        kl_mean = (d * (ratio - 1 - ratio.log()) + b * known.dof * off.squeeze(-1).square().sum(-1)) / 2
        # torch's KL of two Wisharts goes through automatic differentiation and an inverse; this needs the factors alone.
        root = self.prior_tril.double()
        trace = torch.linalg.solve_triangular(known.root, root.expand_as(known.root), upper=False).square().sum((-2, -1))
        prior_dof = torch.full_like(known.dof, self.degrees_of_freedom)
        gap = self._log_wishart_constant(known.root, known.dof) - self._log_wishart_constant(root, prior_dof)
        kl_precision = gap + ((known.dof - prior_dof) * known.log_precision + known.dof * (trace - d)) / 2
        return (kl_mean + kl_precision).sum()

    def _log_wishart_constant(self, root: Tensor, dof: Tensor) -> Tensor:
        """log B(W, nu), with W^-1 = root root' (B.79)."""
        log_det, d = root.diagonal(dim1=-2, dim2=-1).log().sum(-1), self.n_values
        return dof * log_det - dof * d / 2 * math.log(2) - torch.mvlgamma(dof / 2, d)

    def _components(self) -> "_Components":
        root, dof = self.scatter_tril.double(), self.dof.double()
        places = torch.arange(self.n_values, dtype=dof.dtype, device=dof.device)
        log_precision = torch.digamma((dof.unsqueeze(-1) - places) / 2).sum(-1) + self.n_values * math.log(2)
        log_precision = log_precision - 2 * root.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return _Components(self.mean.double(), self.mean_precisions.double(), dof, root, log_precision)


class _Components(NamedTuple):
    """Of q(mu_k, Lambda_k), in float64: m, beta, nu, the factor of W^-1, and E log |Lambda|."""

    mean: Tensor
    precision: Tensor
    dof: Tensor
    root: Tensor
    log_precision: Tensor


def _shares(q: Distribution) -> Tensor:
    if not isinstance(q, Categorical):
        raise NoClosedForm(
            f"a mixture's updates need a Categorical q(z), got {type(q).__name__}; use variational_posterior."
        )
    return q.logits.double().softmax(-1)
