"""The Bayesian mixture beside scikit-learn's from the same start, against draws from q, and in what it leaves empty."""

import math
import warnings
from typing import cast

import pytest
import torch
from scipy.stats import wishart
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture as Theirs
from torch import Tensor
from torch.distributions import Beta, Categorical, Dirichlet, MultivariateNormal, Wishart
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from latentia.core import Batch
from latentia.core.errors import LatentiaError, NoClosedForm, ShapeError, SupportError
from latentia.learners import CoordinateAscent
from latentia.models import BayesianGaussianMixture
from latentia.models.bayesian_gaussian_mixture import WEIGHTS, Weights

THEIR_NAMES = {"dirichlet": "dirichlet_distribution", "dirichlet-process": "dirichlet_process"}
both_weights = pytest.mark.parametrize("weights", WEIGHTS)


def batch_of(x: Tensor) -> Batch:
    return Batch(x, torch.arange(len(x)), len(x))


def three_clouds(n: int = 300, d: int = 2, apart: float = 6.0) -> Tensor:
    centers, shapes = apart * torch.randn(3, d).double(), torch.eye(d).double() + 0.3 * torch.randn(3, d, d).double()
    z = torch.randint(3, (n,))
    return centers[z] + torch.einsum("nij,nj->ni", shapes[z], torch.randn(n, d).double())


def theirs(x: Tensor, components: int, weights: str, seed: int) -> tuple[Theirs, BayesianGaussianMixture]:
    """scikit-learn's after one sweep, and ours with its numbers."""
    model = Theirs(
        n_components=components,
        weight_concentration_prior_type=THEIR_NAMES[weights],
        weight_concentration_prior=0.4,
        mean_precision_prior=0.7,
        degrees_of_freedom_prior=x.shape[1] + 1.5,
        reg_covar=0,  # a ridge on each covariance, which no model stands behind
        max_iter=1,
        tol=0,
        warm_start=True,
        random_state=seed,
    )
    fit(model, x)
    ours = BayesianGaussianMixture(components, x.shape[1], 0.4, 0.7, x.shape[1] + 1.5, cast("Weights", weights)).double()
    ours.prior_mean.copy_(torch.as_tensor(model.mean_prior_))
    ours.prior_tril.copy_(torch.linalg.cholesky(torch.as_tensor(model.covariance_prior_)))
    for name, value in numbers(model).items():
        ours.get_buffer(name).copy_(value)
    return model, ours


def fit(model: Theirs, x: Tensor) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the sweeps are counted here
        model.fit(x.numpy())


def numbers(model: Theirs) -> dict[str, Tensor]:
    """Theirs under our names; they divide a scatter by its degrees of freedom."""
    a = model.weight_concentration_
    dof = torch.as_tensor(model.degrees_of_freedom_)
    return {
        "concentrations": torch.stack([torch.as_tensor(each) for each in (a if isinstance(a, tuple) else (a,))], -1),
        "mean": torch.as_tensor(model.means_),
        "mean_precisions": torch.as_tensor(model.mean_precision_),
        "dof": dof,
        "scatter_tril": torch.linalg.cholesky(torch.as_tensor(model.covariances_) * dof[:, None, None]),
    }


def what_they_leave_out(ours: BayesianGaussianMixture, n_rows: int) -> float:
    """Their bound after a sweep plus this is the ELBO.

    They keep what changes: the entropy of q(Z) and the normalizers of q(pi) and q(mu_k, Lambda_k). Left out are the
    prior's normalizers, log C(a_0) + sum_k [log B(S^-1, nu_0) + d/2 log beta_0], and the likelihood's -N d/2 log 2 pi. Of
    log B(W, nu) they drop -d (d - 1) / 4 log pi, which would cancel against the prior's, and so it is left out here, too.
    """
    d, C, nu = ours.n_values, ours.n_components, torch.tensor(ours.degrees_of_freedom, dtype=torch.float64)
    a = torch.tensor(ours.concentration, dtype=torch.float64)
    log_weights = torch.lgamma(C * a) - C * torch.lgamma(a) if ours.weights == "dirichlet" else C * a.log()
    places = torch.arange(d).double()
    log_wishart = nu * ours.prior_tril.diagonal().log().sum() - nu * d / 2 * math.log(2)
    log_wishart = log_wishart - torch.lgamma((nu - places) / 2).sum()
    log_mean = d / 2 * math.log(ours.mean_precision)
    return float(log_weights + C * (log_wishart + log_mean)) - n_rows * d / 2 * math.log(2 * math.pi)


@both_weights
@pytest.mark.parametrize(("components", "d", "sweeps"), [(3, 2, 1), (6, 2, 40), (4, 3, 15)])
def test_it_is_scikit_learn_s_from_the_same_start(weights: str, components: int, d: int, sweeps: int) -> None:
    """The bound within 1e-9 nats a row, every parameter within 1e-9 of its size."""
    for seed in range(3):
        torch.manual_seed(seed)
        x = three_clouds(d=d, apart=2.0)
        model, ours = theirs(x, components, weights, seed)
        learner, log = CoordinateAscent(ours), {}
        for _ in range(sweeps):
            log = learner.step(batch_of(x))
        model.max_iter = sweeps
        fit(model, x)
        reported = (float(model.lower_bound_) + what_they_leave_out(ours, len(x))) / len(x)
        assert abs(reported - float(log["bound"])) < 1e-9
        for name, value in numbers(model).items():
            assert_close(ours.get_buffer(name), value, rtol=1e-9, atol=1e-9, msg=lambda m, name=name: f"{name}: {m}")
        assert_close(ours.expected_weights, torch.as_tensor(model.weights_), rtol=1e-6, atol=1e-9)
        q = ours.variational_posterior(batch_of(x))
        assert_close(q.probs, torch.as_tensor(model.predict_proba(x.numpy())), rtol=1e-5, atol=1e-8)


def precisions(model: BayesianGaussianMixture, draws: int) -> Tensor:
    """Draws of Lambda_k from q by SciPy: (draws, C, d, d). Torch's sampler warns of singular draws where there are none."""
    scales = torch.linalg.inv(model.scatter_tril @ model.scatter_tril.mT)
    each = [wishart(float(n), s.numpy()).rvs(draws) for n, s in zip(model.dof, scales, strict=True)]
    return torch.stack([torch.as_tensor(e) for e in each], 1)


def log_ratio(model: BayesianGaussianMixture, x: Tensor, q: Categorical, draws: int) -> Tensor:
    """log p(x, z, pi, mu, Lambda) - log q at draws from q, written with torch's distributions: (draws,)."""
    C = model.n_components
    S, root = model.prior_tril @ model.prior_tril.T, model.scatter_tril
    q_precision = Wishart(model.dof, precision_matrix=root @ root.mT)
    p_precision = Wishart(torch.tensor(model.degrees_of_freedom).double(), precision_matrix=S)
    L, z = precisions(model, draws), q.sample((draws,))
    q_mean = MultivariateNormal(model.mean, precision_matrix=model.mean_precisions[:, None, None] * L)
    mu = q_mean.sample()
    p_mean = MultivariateNormal(model.prior_mean, precision_matrix=model.mean_precision * L)
    if model.weights == "dirichlet":
        q_weights = Dirichlet(model.concentrations[:, 0])
        p_weights = Dirichlet(torch.full((C,), model.concentration).double())
        v = q_weights.sample((draws,))
        log_pi, log_weights = v.log(), p_weights.log_prob(v) - q_weights.log_prob(v)
    else:
        q_sticks = Beta(model.concentrations[:, 0], model.concentrations[:, 1])
        p_sticks = Beta(torch.tensor(1.0).double(), torch.tensor(model.concentration).double())
        v = q_sticks.sample((draws,))
        left = torch.cat([torch.zeros(draws, 1).double(), (-v).log1p()[:, :-1].cumsum(-1)], -1)
        log_pi, log_weights = v.log() + left, (p_sticks.log_prob(v) - q_sticks.log_prob(v)).sum(-1)
    every = MultivariateNormal(mu.unsqueeze(1), precision_matrix=L.unsqueeze(1)).log_prob(x.unsqueeze(1))
    fit = (every + log_pi.unsqueeze(1)).gather(-1, z.unsqueeze(-1)).sum((-2, -1))
    components = p_mean.log_prob(mu) - q_mean.log_prob(mu) + p_precision.log_prob(L) - q_precision.log_prob(L)
    return fit - q.log_prob(z).sum(-1) + log_weights + components.sum(-1)


@both_weights
@pytest.mark.parametrize("sweeps", [0, 2])
def test_the_bound_is_what_draws_from_q_say(weights: str, sweeps: int) -> None:
    """z-score at a false-alarm rate of 1e-6."""
    x = three_clouds(20)
    model = BayesianGaussianMixture(3, 2, 2.5, 0.7, 5.0, cast("Weights", weights)).double()
    model.prior_tril.copy_(torch.tensor([[1.5, 0.0], [0.3, 0.8]]))
    model.prior_mean.copy_(torch.tensor([0.5, -1.0]))
    model.concentrations.add_(torch.rand_like(model.concentrations) + 1)
    model.dof.add_(torch.rand(3))
    for _ in range(sweeps):
        CoordinateAscent(model).step(batch_of(x))
    q = model.variational_posterior(batch_of(x))
    ratios = log_ratio(model, x, q, 20_000)
    assert_mean_is(ratios.unsqueeze(-1), model.elbo(batch_of(x), q).reshape(1), "ELBO", resolution=0.02)


def test_with_one_component_the_bound_is_the_evidence_of_a_wishart_model() -> None:
    """Then q(mu, Lambda) is exact: log p(x) is a product of Student t's, each row's given those before it."""
    x = three_clouds(12)
    model = BayesianGaussianMixture(1, 2, 1.0, 0.5, 4.0).double()
    bound = CoordinateAscent(model).step(batch_of(x))["bound"] * len(x)
    total = torch.zeros((), dtype=torch.float64)
    part = BayesianGaussianMixture(1, 2, 1.0, 0.5, 4.0).double()
    part.mean.copy_(part.prior_mean)
    part.scatter_tril.copy_(part.prior_tril)
    for i in range(len(x)):
        total += part.predictive().log_prob(x[i])
        CoordinateAscent(part).step(batch_of(x[: i + 1]))
    assert_close(bound, total, rtol=1e-10, atol=0)


@both_weights
def test_unneeded_components_empty_themselves(weights: str) -> None:
    """Eight components for three clouds; four data sets."""
    for seed in range(4):
        torch.manual_seed(seed)
        centers = torch.tensor([[-8.0, 0.0], [8.0, 0.0], [0.0, 12.0]]).double()
        x = centers[torch.arange(300) % 3] + torch.randn(300, 2).double()
        model = BayesianGaussianMixture(8, 2, 1e-2, weights=cast("Weights", weights)).double()
        model.start_at(x)
        assert CoordinateAscent(model).ascend(batch_of(x)).converged
        assert int(model.kept.sum()) == 3, f"seed {seed}: {model.rows.tolist()}"
        assert float(model.rows[~model.kept].max()) < 0.1
        found = model.mean[model.kept]
        assert float(torch.cdist(centers, found).min(-1).values.max()) < 0.5


def test_the_predictive_density_is_the_average_over_q() -> None:
    """Draws of the parameters from q, at a false-alarm rate of 1e-6; and it integrates to 1 over a wide grid."""
    x = three_clouds(30)
    model = BayesianGaussianMixture(2, 2, degrees_of_freedom=8.0).double()
    CoordinateAscent(model).ascend(batch_of(x), most_steps=5)
    L = precisions(model, 20_000)
    mu = MultivariateNormal(model.mean, precision_matrix=model.mean_precisions[:, None, None] * L).sample()
    at = x[:4]
    each = MultivariateNormal(mu.unsqueeze(1), precision_matrix=L.unsqueeze(1)).log_prob(at.unsqueeze(1)).exp()
    assert_mean_is(each @ model.expected_weights, model.predictive().log_prob(at).exp(), "p(x)")
    line = torch.linspace(-60, 60, 601).double()
    grid = torch.cartesian_prod(line, line)
    assert_close(float(model.predictive().log_prob(grid).exp().sum() * 0.2**2), 1.0, rtol=0, atol=1e-3)


def test_the_model_of_x_is_a_mixture_at_the_means() -> None:
    x = three_clouds(30)
    model = BayesianGaussianMixture(4, 2).double()
    model.start_at(x)
    z = model.sample_prior(5 * 30).reshape(5, 30)
    covariance = model.scatter_tril @ model.scatter_tril.mT / model.dof[:, None, None]
    truth = MultivariateNormal(model.mean[z], covariance[z]).log_prob(x) + model.expected_weights[z].log()
    assert_close(model.log_joint(z, batch_of(x)), truth)
    assert model.sample(7).shape == (7, 2)
    with pytest.raises(SupportError, match="whole numbers"):
        model.likelihood(z.double())


def test_a_start_on_rows_without_spread_is_possible() -> None:
    for x in (torch.ones(10, 3).double(), torch.randn(2, 3).double(), torch.randn(10, 1).double() * torch.ones(3).double()):
        model = BayesianGaussianMixture(4, 3).double()
        model.start_at(x)
        assert torch.isfinite(CoordinateAscent(model).step(batch_of(x))["bound"])


def test_priors_out_of_range_are_refused() -> None:
    with pytest.raises(ShapeError, match="a component and a value"):
        BayesianGaussianMixture(0, 2)
    with pytest.raises(LatentiaError, match="at least the 3 values"):
        BayesianGaussianMixture(2, 3, degrees_of_freedom=2.5)
    with pytest.raises(LatentiaError, match="concentration is 0"):
        BayesianGaussianMixture(2, 3, 0.0)
    with pytest.raises(LatentiaError, match="did you mean 'dirichlet'"):
        BayesianGaussianMixture(2, 3, weights=cast("Weights", "dirichlt"))
    normal = torch.distributions.Normal(0.0, 1.0)
    with pytest.raises(NoClosedForm, match="got Normal"):
        BayesianGaussianMixture(2, 3).elbo(batch_of(torch.randn(3, 3)), normal)
