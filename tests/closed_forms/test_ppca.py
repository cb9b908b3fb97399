"""Probabilistic PCA against scikit-learn's, against its own optimum, and against its samples."""

import pytest
import torch
from sklearn.decomposition import PCA
from torch import Tensor
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from helpers.digits import digits
from latentia.core import Batch
from latentia.models import PPCA


def like_scikit_learn(x: Tensor, n_latents: int, share: float = 1.0) -> tuple[PPCA, PCA]:
    """A PCA, and a PPCA with ``share`` times the variances that it found."""
    pca = PCA(n_latents, svd_solver="full").fit(x.numpy())
    model = PPCA(n_latents, x.shape[1]).double()
    variances, noise = torch.from_numpy(pca.explained_variance_) * share, float(pca.noise_variance_) * share
    with torch.no_grad():
        model.weight.copy_(torch.from_numpy(pca.components_).T * (variances - noise).sqrt())
        model.mean.copy_(torch.from_numpy(pca.mean_))
        model.log_sigma.fill_(torch.tensor(noise, dtype=torch.float64).log() / 2)
    return model, pca


def mean_log_marginal(model: PPCA, x: Tensor) -> float:
    with torch.no_grad():
        return float(model.log_marginal(x).mean())


@pytest.mark.parametrize("n_latents", [1, 5, 20])
def test_the_likelihood_is_scikit_learn_s_at_the_same_parameters(n_latents: int) -> None:
    x = digits()
    model, pca = like_scikit_learn(x[:1200], n_latents)
    for rows in (x[:1200], x[1200:]):
        assert mean_log_marginal(model, rows) == pytest.approx(pca.score(rows.numpy()), abs=1e-6)


@pytest.mark.parametrize("n_latents", [1, 5, 20])
def test_maximum_likelihood_is_scikit_learn_s_answer_with_variances_over_n(n_latents: int) -> None:
    """scikit-learn divides by n - 1, which is not the maximum; with n the two agree, and the maximum is no lower."""
    x = digits()
    best = PPCA.maximum_likelihood(x, n_latents)
    theirs, pca = like_scikit_learn(x, n_latents, share=(len(x) - 1) / len(x))
    assert mean_log_marginal(best, x) == pytest.approx(mean_log_marginal(theirs, x), abs=1e-9)
    assert mean_log_marginal(best, x) > pca.score(x.numpy())


def test_the_maximum_is_stationary_and_no_neighbour_is_higher() -> None:
    x = digits()
    best = PPCA.maximum_likelihood(x, 5)
    best.log_marginal(x).mean().backward()
    for name, value in best.named_parameters():
        assert value.grad is not None
        assert_close(value.grad, torch.zeros_like(value), rtol=0, atol=1e-9, msg=name)
    top = mean_log_marginal(best, x)
    for _ in range(20):
        neighbour = PPCA.maximum_likelihood(x, 5)
        with torch.no_grad():
            for value in neighbour.parameters():
                value.add_(0.01 * torch.randn_like(value))
        assert mean_log_marginal(neighbour, x) < top


def test_a_turn_of_the_latents_changes_nothing_that_can_be_seen() -> None:
    x, model = digits()[:50], PPCA(3, 64).double()
    before = mean_log_marginal(model, x)
    turn, _ = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))
    with torch.no_grad():
        model.weight.copy_(model.weight @ turn)
    assert mean_log_marginal(model, x) == pytest.approx(before, abs=1e-9)


def test_samples_have_the_mean_and_covariance_of_the_marginal() -> None:
    """False alarm: 1e-6 over the seed. First and second moments of 50,000 samples of five values."""
    model = PPCA(2, 5).double()
    with torch.no_grad():
        model.mean.normal_()
        model.log_sigma.fill_(-0.5)
        centered = model.sample(50_000) - model.mean
        covariance = model.weight @ model.weight.T + (2 * model.log_sigma).exp() * torch.eye(5)
    products = centered.unsqueeze(-1) * centered.unsqueeze(-2)
    truth = torch.cat([torch.zeros(1, 5, dtype=torch.float64), covariance])
    assert_mean_is(torch.cat([centered.unsqueeze(1), products], 1), truth, "moments")


def test_the_exact_posterior_is_bayes_rule_on_a_grid() -> None:
    model = PPCA(1, 3).double()
    batch = Batch(model.sample(4), torch.arange(4), 4)
    z = torch.linspace(-12, 12, 4_001, dtype=torch.float64).reshape(-1, 1, 1).expand(-1, 4, -1)
    with torch.no_grad():
        joint, posterior = model.log_joint(z, batch).exp(), model.exact_posterior(batch).log_prob(z).exp()
    width = float(z[1, 0, 0] - z[0, 0, 0])
    assert_close(posterior, joint / (joint.sum(0) * width))
    assert_close((joint.sum(0) * width).log(), model.log_marginal(batch.x).detach())
