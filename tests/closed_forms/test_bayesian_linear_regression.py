"""Bayesian linear regression: exact answers against SciPy and quadrature, the bound below them, and scikit-learn."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.linear_model import BayesianRidge
from torch import Tensor
from torch.distributions import Gamma, MultivariateNormal, Normal
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from latentia.core import Batch
from latentia.core.errors import LatentiaError, NoClosedForm, ShapeError
from latentia.learners import CoordinateAscent
from latentia.models import BayesianLinearRegression

SHAPE, RATE = 2.0, 1.5


def problem(n: int = 15, p: int = 3, noise: float = 0.7) -> Batch:
    features = torch.randn(n, p, dtype=torch.float64)
    y = features @ torch.randn(p, 1, dtype=torch.float64) + noise * torch.randn(n, 1, dtype=torch.float64)
    return Batch(y, torch.arange(n), n, given=features)


def parts(batch: Batch) -> tuple[Tensor, Tensor]:
    assert batch.given is not None
    return batch.x.squeeze(-1), batch.given


def log_normal(y: Tensor, covariance: Tensor) -> float:
    return float(stats.multivariate_normal(np.zeros(len(y)), covariance.numpy()).logpdf(y.numpy()))  # pyright: ignore[reportArgumentType]


def log_t(y: Tensor, spread: Tensor, df: float) -> float:
    return float(stats.multivariate_t(np.zeros(len(y)), spread.numpy(), df=df).logpdf(y.numpy()))  # pyright: ignore[reportArgumentType]


def ascended(model: BayesianLinearRegression, batch: Batch) -> float:
    """The bound at convergence, nats for all rows."""
    ascent = CoordinateAscent(model.double()).ascend(batch, tolerance=1e-13)
    assert ascent.converged
    return ascent.bound * len(batch.x)


@pytest.mark.parametrize("tied", [False, True])
def test_with_known_precisions_the_bound_is_the_evidence(tied: bool) -> None:
    """q(w) is then exact. The evidence is a normal density of all targets, by SciPy."""
    batch = problem()
    y, X = parts(batch)
    model = BayesianLinearRegression(3, weight_precision=0.6, noise_precision=2.0, tied=tied)
    bound = ascended(model, batch)
    scale = 0.6 * (2.0 if tied else 1.0)
    covariance = X @ X.T / scale + torch.eye(len(y)) / 2.0
    truth = log_normal(y, covariance)
    assert_close(float(model.log_evidence(batch)), truth)
    assert_close(bound, truth)
    exact = model.weight_posterior(batch)
    assert_close(model.weight, exact.mean)
    assert isinstance(exact, MultivariateNormal)
    assert_close(model.weight_tril @ model.weight_tril.T, exact.covariance_matrix)


def test_the_conjugate_evidence_is_a_student_t_of_all_targets() -> None:
    batch = problem()
    y, X = parts(batch)
    model = BayesianLinearRegression(3, weight_precision=0.6, tied=True, shape=SHAPE, rate=RATE).double()
    spread = RATE / SHAPE * (torch.eye(len(y)) + X @ X.T / 0.6)
    truth = log_t(y, spread, 2 * SHAPE)
    assert_close(float(model.log_evidence(batch)), truth)
    assert ascended(model, batch) < truth, "q(w) q(tau) leaves their dependence out"
    assert ascended(model, batch) > truth - 0.5
    # Bayes' rule at a point, each density from another place: p(w) p(y | w) / p(y), tau integrated out of both as t's.
    w = torch.randn(3, dtype=torch.float64)
    prior = log_t(w, RATE / SHAPE / 0.6 * torch.eye(3), 2 * SHAPE)
    a, b = SHAPE + 1.5, RATE + 0.3 * float(w @ w)  # tau | w
    given_w = log_t(y - X @ w, b / a * torch.eye(len(y)), 2 * a)
    assert_close(float(model.weight_posterior(batch).log_prob(w)), prior + given_w - truth)


def evidence_by_quadrature(batch: Batch, unknown: tuple[str, ...], known: dict[str, float], tied: bool) -> float:
    """log of the integral of p(y | alpha, tau) over the unknown precisions, by a fine grid over their logarithms."""
    y, X = parts(batch)
    values, vectors = np.linalg.eigh((X @ X.T).numpy())
    rotated = (y.numpy() @ vectors) ** 2
    line = np.linspace(-9, 6, 301)
    step, prior = line[1] - line[0], Gamma(torch.tensor(SHAPE).double(), torch.tensor(RATE).double())

    def axis(name: str) -> tuple[np.ndarray, np.ndarray]:
        if name not in unknown:
            return np.array([known[name]]), np.zeros(1)
        at = np.exp(line)
        return at, prior.log_prob(torch.as_tensor(at)).numpy() + line + math.log(step)

    (alphas, log_alpha), (taus, log_tau) = axis("alpha"), axis("tau")
    alpha, tau = alphas[:, None, None], taus[None, :, None]
    variance = values / (alpha * (tau if tied else 1.0)) + 1 / tau
    log_p = -0.5 * (np.log(2 * np.pi * variance) + rotated / variance).sum(-1) + log_alpha[:, None] + log_tau[None]
    return float(np.logaddexp.reduce(log_p.ravel()))


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("unknown", [("alpha",), ("tau",), ("alpha", "tau")])
def test_the_bound_is_just_below_the_evidence(unknown: tuple[str, ...], tied: bool) -> None:
    """Within half a nat for 60 rows together, on three data sets; the evidence by quadrature, checked where it is closed."""
    known = {"alpha": 0.8, "tau": 2.0}
    options = {"weight_precision": "alpha", "noise_precision": "tau"}
    for seed in range(3):
        torch.manual_seed(seed)
        batch = problem(60)
        given = {option: known[name] for option, name in options.items() if name not in unknown}
        model = BayesianLinearRegression(3, **given, tied=tied, shape=SHAPE, rate=RATE).double()  # pyright: ignore[reportArgumentType]
        truth = evidence_by_quadrature(batch, unknown, known, tied)
        if unknown == ("tau",) and tied:
            assert_close(float(model.log_evidence(batch)), truth, rtol=1e-8, atol=0)
        bound = ascended(model, batch)
        assert truth - 0.5 < bound < truth


@pytest.mark.parametrize("tied", [False, True])
def test_the_bound_is_what_draws_from_q_say(tied: bool) -> None:
    """z-score at a false-alarm rate of 1e-6, away from the maximum."""
    batch = problem()
    y, X = parts(batch)
    model = BayesianLinearRegression(3, tied=tied, shape=SHAPE, rate=RATE).double()
    model.weight.normal_()
    model.weight_tril.copy_(torch.tensor([[0.5, 0, 0], [0.2, 0.4, 0], [-0.1, 0.3, 0.6]]))
    for name, value in {"alpha_shape": 3.0, "alpha_rate": 2.0, "tau_shape": 5.0, "tau_rate": 4.0}.items():
        model.get_buffer(name).fill_(value)
    q, prior = model.variational_posterior(batch), Gamma(torch.tensor(SHAPE).double(), torch.tensor(RATE).double())
    w, alpha, tau = q.sample((20_000,)), model.alpha.sample((20_000,)), model.tau.sample((20_000,))
    scale = (alpha * tau if tied else alpha).rsqrt().unsqueeze(-1)
    log_p = Normal(w @ X.T, tau.rsqrt().unsqueeze(-1)).log_prob(y).sum(-1) + Normal(0.0, scale).log_prob(w).sum(-1)
    log_p = log_p + prior.log_prob(alpha) + prior.log_prob(tau)
    log_q = q.log_prob(w) + model.alpha.log_prob(alpha) + model.tau.log_prob(tau)
    assert_mean_is((log_p - log_q).unsqueeze(-1), model.elbo(batch, q).reshape(1), "ELBO", resolution=0.02)


def test_it_agrees_with_bayesian_ridge() -> None:
    """They maximize over the precisions where this averages; at 2,000 rows and 20 weights that is 1 part in 10 or less."""
    batch = problem(2_000, 20)
    y, X = parts(batch)
    ridge = BayesianRidge(fit_intercept=False, tol=1e-10, max_iter=1_000).fit(X.numpy(), y.numpy())
    model = BayesianLinearRegression(20, shape=1e-6, rate=1e-6)
    ascended(model, batch)
    alpha, tau = model.expected_precisions
    assert_close(float(tau), float(ridge.alpha_), rtol=1e-3, atol=0)
    assert_close(float(alpha), float(ridge.lambda_), rtol=0.1, atol=0)
    assert_close(model.weight, torch.as_tensor(ridge.coef_), rtol=0, atol=1e-4)
    covariance = model.weight_tril @ model.weight_tril.T
    assert_close(covariance, torch.as_tensor(ridge.sigma_), rtol=1e-2, atol=1e-7)


def test_predictions_have_the_doubt_of_weights_and_noise() -> None:
    """By the law of total variance, over draws of w, at a false-alarm rate of 1e-6."""
    batch = problem()
    _, X = parts(batch)
    model = BayesianLinearRegression(3)
    ascended(model, batch)
    p = model.predictive(X)
    assert p.event_shape == (1,)
    assert p.batch_shape == (len(X),)
    w = model.variational_posterior(batch).sample((40_000, 1))
    loc = model.likelihood(w, X).mean.squeeze(-1)
    assert_mean_is(loc, p.mean.squeeze(-1), "mean")
    noise = 1 / model.expected_precisions[1]
    assert_mean_is((loc - p.mean.squeeze(-1)).square() + noise, p.variance.squeeze(-1), "variance")


def test_the_prior_of_w_follows_the_tie() -> None:
    for tied, scale in ((False, 0.5**-0.5), (True, 2.0**-0.5)):
        model = BayesianLinearRegression(2, weight_precision=0.5, noise_precision=4.0, tied=tied).double()
        truth = Normal(0.0, torch.tensor(scale).double()).log_prob(torch.tensor([0.3, -1.0]).double()).sum()
        assert_close(model.prior().log_prob(torch.tensor([0.3, -1.0]).double()), truth)


def test_what_has_no_closed_form_is_refused() -> None:
    batch = problem()
    for model in (BayesianLinearRegression(3), BayesianLinearRegression(3, weight_precision=1.0)):
        with pytest.raises(NoClosedForm, match="tied=True"):
            model.log_evidence(batch)
        with pytest.raises(NoClosedForm, match="tied=True"):
            model.weight_posterior(batch)
    with pytest.raises(ShapeError, match=r"Batch\.given"):
        CoordinateAscent(BayesianLinearRegression(3).double()).step(batch._replace(given=None))
    with pytest.raises(ShapeError, match="needs a feature"):
        BayesianLinearRegression(0)
    with pytest.raises(LatentiaError, match="noise_precision is 0"):
        BayesianLinearRegression(3, noise_precision=0.0)
    known = BayesianLinearRegression(3, noise_precision=1.0).double()
    with pytest.raises(LatentiaError, match="no factor 'tau'"):
        known.update("tau", batch, known.variational_posterior(batch))
