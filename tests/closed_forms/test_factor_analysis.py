"""Factor analysis against scikit-learn's, against Rubin & Thayer's algebra, and against one dense normal."""

from itertools import pairwise

import pytest
import torch
from sklearn.decomposition import FactorAnalysis as TheirFactorAnalysis
from torch import Tensor
from torch.distributions import MultivariateNormal
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from helpers.digits import digits
from latentia.core import Batch
from latentia.core.errors import LatentiaError, NoClosedForm, ShapeError
from latentia.learners import ExpectationMaximization
from latentia.models import FactorAnalysis
from latentia.weights import log_weights


def varied_digits() -> Tensor:
    """(1797, 52): the pixels whose noise stays far from any floor."""
    x = digits()
    return x[:, x.std(0) > 0.05]


def batch_of(x: Tensor) -> Batch:
    return Batch(x, torch.arange(len(x)), len(x))


def random_model(n_latents: int, n_values: int) -> FactorAnalysis:
    model = FactorAnalysis(n_latents, n_values).double()
    with torch.no_grad():
        for value in model.parameters():
            value.add_(0.5 * torch.randn_like(value))
    return model


def dense(model: FactorAnalysis) -> tuple[Tensor, Tensor, Tensor]:
    """W, psi, and the covariance of x written out."""
    W, psi = model.weight.detach(), model.psi.detach()
    return W, psi, W @ W.T + psi.diag()


@pytest.mark.parametrize("n_latents", [1, 4, 15])
def test_the_likelihood_is_scikit_learn_s_at_the_same_parameters(n_latents: int) -> None:
    x = varied_digits()
    theirs = TheirFactorAnalysis(n_latents, tol=1e-3).fit(x[:1200].numpy())
    model = FactorAnalysis(n_latents, x.shape[1]).double()
    with torch.no_grad():
        model.weight.copy_(torch.from_numpy(theirs.components_).T)
        model.mean.copy_(torch.from_numpy(theirs.mean_))
        model.log_sigma.copy_(torch.from_numpy(theirs.noise_variance_).log() / 2)
        ours = model.log_marginal(x[1200:])
    assert_close(ours, torch.from_numpy(theirs.score_samples(x[1200:].numpy())), rtol=0, atol=1e-8)
    z = theirs.transform(x[1200:].numpy())
    assert_close(
        model.exact_posterior(batch_of(x[1200:])).mean.detach(), torch.from_numpy(z), rtol=0, atol=1e-8, check_dtype=False
    )


def test_the_marginal_and_the_posterior_are_those_of_one_dense_normal() -> None:
    """Bayes' rule by the d x d covariance, which the model itself never makes."""
    model, x = random_model(3, 7), torch.randn(5, 7, dtype=torch.float64)
    W, _, covariance = dense(model)
    mean = model.mean.detach()
    q = model.exact_posterior(batch_of(x))
    gain = W.T @ torch.linalg.inv(covariance)
    assert isinstance(q, MultivariateNormal)
    assert_close(model.log_marginal(x).detach(), MultivariateNormal(mean, covariance).log_prob(x))
    assert_close(q.mean.detach(), (x - mean) @ gain.T)
    assert_close(q.covariance_matrix.detach(), (torch.eye(3).double() - gain @ W).expand(5, -1, -1))


def test_every_log_weight_under_the_exact_posterior_is_the_log_marginal() -> None:
    model = random_model(3, 7)
    batch = batch_of(model.sample(6))
    q = model.exact_posterior(batch)
    w = log_weights(model, q, batch, q.sample((5,)))
    assert_close(w, model.log_marginal(batch.x).expand_as(w), rtol=1e-10, atol=0)


def test_samples_have_the_mean_and_covariance_of_the_marginal() -> None:
    """False alarm: 1e-6 over the seed. First and second moments of 50,000 samples of five values."""
    model = random_model(2, 5)
    with torch.no_grad():
        centered = model.sample(50_000) - model.mean
    products = centered.unsqueeze(-1) * centered.unsqueeze(-2)
    truth = torch.cat([torch.zeros(1, 5, dtype=torch.float64), dense(model)[2]])
    assert_mean_is(torch.cat([centered.unsqueeze(1), products], 1), truth, "moments")


def test_a_step_is_rubin_and_thayer_s_whatever_the_mean_was_before() -> None:
    """Their equations work on S, the covariance of the rows, with beta = W' (W W' + psi)^-1."""
    model, x = random_model(3, 7), 2 + torch.randn(50, 7).double() @ torch.randn(7, 7).double()
    W, _, covariance = dense(model)
    S = torch.cov(x.T, correction=0)
    beta = W.T @ torch.linalg.inv(covariance)
    weight = S @ beta.T @ torch.linalg.inv(torch.eye(3).double() - beta @ W + beta @ S @ beta.T)
    psi = (S - weight @ beta @ S).diagonal()
    ExpectationMaximization(model).step(batch_of(x))
    assert_close(model.weight.detach(), weight, rtol=1e-10, atol=1e-12)
    assert_close(model.psi.detach(), psi, rtol=1e-10, atol=0)
    assert_close(model.mean.detach(), x.mean(0))


@pytest.mark.parametrize("n_latents", [2, 5])
def test_em_reaches_scikit_learn_s_optimum(n_latents: int) -> None:
    """Within 1e-3 nats a row; 80 steps came within 3e-6, from this seed."""
    x = varied_digits()
    theirs = TheirFactorAnalysis(n_latents, tol=1e-6, svd_method="lapack", max_iter=5_000).fit(x.numpy())
    model = FactorAnalysis(n_latents, x.shape[1]).double()
    model.start_at(x)
    learner = ExpectationMaximization(model)
    for _ in range(80):
        learner.step(batch_of(x))
    with torch.no_grad():
        assert float(model.log_marginal(x).mean()) == pytest.approx(theirs.score(x.numpy()), abs=1e-3)


def test_a_constant_value_s_noise_stops_at_the_floor() -> None:
    x = digits()[:300, :8]  # the first pixel is blank in all rows
    model = FactorAnalysis(2, 8, variance_floor=1e-4).double()
    model.start_at(x)
    learner = ExpectationMaximization(model)
    bounds = [float(learner.step(batch_of(x))["bound"]) for _ in range(30)]
    assert float(model.psi.detach()[0]) == pytest.approx(1e-4)
    assert float(model.psi.detach().min()) >= 1e-4 * (1 - 1e-12)
    assert all(after >= before - 1e-10 * abs(before) for before, after in pairwise(bounds))


def test_what_has_no_closed_form_is_refused() -> None:
    model, x = random_model(2, 4), torch.randn(5, 4, dtype=torch.float64)
    with pytest.raises(NoClosedForm, match="complete rows"):
        model.exact_posterior(batch_of(x)._replace(mask=torch.ones(5, 4, dtype=torch.bool)))
    with pytest.raises(NoClosedForm, match="MultivariateNormal"):
        model.maximize(x, model.prior())
    with pytest.raises(ShapeError, match="use fewer"):
        FactorAnalysis(4, 4)
    with pytest.raises(LatentiaError, match="variance_floor"):
        FactorAnalysis(2, 4, variance_floor=0.0)
