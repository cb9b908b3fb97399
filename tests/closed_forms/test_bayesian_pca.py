"""Bayesian PCA: the bound against draws from q, the limits in which it is PPCA, and how many latents it keeps."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Gamma, MultivariateNormal, Normal
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from latentia.core import Batch
from latentia.core.errors import LatentiaError, NoClosedForm, ShapeError
from latentia.learners import CoordinateAscent
from latentia.models import PPCA, BayesianPCA


def batch_of(x: Tensor) -> Batch:
    return Batch(x, torch.arange(len(x)), len(x))


def linear_rows(n: int, n_values: int, n_factors: int, noise: float = 0.5) -> Tensor:
    z = torch.randn(n, n_factors, dtype=torch.float64)
    weight = torch.randn(n_factors, n_values, dtype=torch.float64)
    return z @ weight + noise * torch.randn(n, n_values, dtype=torch.float64) + 2


def log_ratio(model: BayesianPCA, x: Tensor, q: MultivariateNormal, draws: int) -> Tensor:
    """log p(x, z, W, mean, alpha, tau) - log q at draws from q, all written with torch's distributions: (draws,)."""
    d, D = model.n_values, model.n_latents
    row = MultivariateNormal(torch.zeros(D).double(), scale_tril=model.weight_tril)
    W, mu, Z = model.weight + row.sample((draws, d)), Normal(model.mean, model.mean_variance.sqrt()), q.sample((draws,))
    alpha, tau, mean = model.alpha.sample((draws,)), model.tau.sample((draws,)), mu.sample((draws,))
    prior = Gamma(torch.tensor(model.shape).double(), torch.tensor(model.rate).double())
    loc = torch.einsum("snl,sdl->snd", Z, W) + mean.unsqueeze(1)
    log_p = (
        Normal(loc, tau.rsqrt()[:, None, None]).log_prob(x).sum((-2, -1))
        + Normal(0.0, 1.0).log_prob(Z).sum((-2, -1))
        + Normal(0.0, alpha.rsqrt().unsqueeze(1)).log_prob(W).sum((-2, -1))
        + Normal(0.0, model.mean_precision**-0.5).log_prob(mean).sum(-1)
        + prior.log_prob(alpha).sum(-1)
        + prior.log_prob(tau)
    )
    log_q = (
        q.log_prob(Z).sum(-1)
        + row.log_prob(W - model.weight).sum(-1)
        + mu.log_prob(mean).sum(-1)
        + model.alpha.log_prob(alpha).sum(-1)
        + model.tau.log_prob(tau)
    )
    return log_p - log_q


@pytest.mark.parametrize("sweeps", [0, 3, 30])
def test_the_bound_is_what_draws_from_q_say(sweeps: int) -> None:
    """z-score at a false-alarm rate of 1e-6; far from the maximum, too, where no term can hide behind an update."""
    x = linear_rows(25, 4, 2)
    model = BayesianPCA(3, 4, shape=2.0, rate=1.5, mean_precision=0.3).double()
    for _ in range(sweeps):
        CoordinateAscent(model).step(batch_of(x))
    q = model.variational_posterior(batch_of(x))
    with torch.no_grad():
        ratios = log_ratio(model, x, q, 20_000)
    assert_mean_is(ratios.unsqueeze(-1), model.elbo(batch_of(x), q).reshape(1), "ELBO", resolution=0.01)


def test_a_posterior_with_a_covariance_a_row_gives_the_same_numbers() -> None:
    x = linear_rows(25, 4, 2)
    model = BayesianPCA(3, 4).double()
    q = model.variational_posterior(batch_of(x))
    apart = MultivariateNormal(q.mean.clone(), scale_tril=q.scale_tril.clone())
    assert_close(model.elbo(batch_of(x), apart), model.elbo(batch_of(x), q), rtol=1e-12, atol=0)


@pytest.mark.parametrize("n_values", [21, 30, 60])
def test_of_twenty_latents_the_five_that_made_the_data_stay(n_values: int) -> None:
    """Six data sets; the precisions of the others are hundreds of times larger, and the kept ones span the true plane."""
    for seed in range(6):
        torch.manual_seed(seed)
        z, weight = torch.randn(600, 5, dtype=torch.float64), torch.randn(5, n_values, dtype=torch.float64)
        x = z @ weight + 0.5 * torch.randn(600, n_values, dtype=torch.float64) + 2
        model = BayesianPCA(20, n_values).double()
        model.start_at(x)
        ascent = CoordinateAscent(model).ascend(batch_of(x))
        assert ascent.converged
        assert int(model.kept.sum()) == 5, f"seed {seed}"
        alpha = model.alpha.mean
        assert float(alpha[~model.kept].min()) > 100 * float(alpha[model.kept].max())
        plane = torch.linalg.qr(model.weight[:, model.kept]).Q
        truth = torch.linalg.qr(weight.T).Q
        assert float(torch.linalg.svdvals(plane.T @ truth).min()) > 0.99
        noise = (2 * PPCA.maximum_likelihood(x, 5).log_sigma.detach()).exp()
        # The doubt about the weights and the mean adds about one part in N for each of their columns.
        assert noise < 1 / model.tau.mean < noise * (1 + 21 / 600)


def test_noise_alone_keeps_no_latent() -> None:
    x = torch.randn(500, 12, dtype=torch.float64)
    model = BayesianPCA(8, 12).double()
    model.start_at(x)
    CoordinateAscent(model).ascend(batch_of(x), tolerance=1e-9)
    assert int(model.kept.sum()) == 0


def test_with_many_rows_it_is_the_maximum_of_ppca() -> None:
    """The doubt about parameters is of order log(N) / N nats a row: plugged in, the means reach PPCA's log p(x)."""
    x = linear_rows(5_000, 6, 1)
    model = BayesianPCA(1, 6).double()
    model.start_at(x)
    ascent = CoordinateAscent(model).ascend(batch_of(x), tolerance=1e-10)
    with torch.no_grad():
        best = float(PPCA.maximum_likelihood(x, 1).log_marginal(x).mean())
        plugged = float(model.at_means().log_marginal(x).mean())
    assert best - 1e-5 < plugged <= best + 1e-12
    # 14 numbers at half a log N each and their priors' widths; no bound on log p(rows) is above the likelihood's maximum.
    assert best - 14 * math.log(5_000) / 5_000 < ascent.bound < best


def test_the_posterior_is_ppca_s_where_the_weights_are_certain() -> None:
    x = linear_rows(10, 4, 2)
    model = BayesianPCA(2, 4).double()
    model.weight_tril.mul_(1e-9)
    q, exact = model.variational_posterior(batch_of(x)), model.at_means().exact_posterior(batch_of(x))
    assert isinstance(exact, MultivariateNormal)
    assert_close(q.mean, exact.mean.detach())
    assert_close(q.covariance_matrix, exact.covariance_matrix.detach())


def test_the_model_of_x_stands_at_the_means() -> None:
    x = linear_rows(10, 4, 2)
    model = BayesianPCA(2, 4).double()
    CoordinateAscent(model).ascend(batch_of(x), most_steps=5)
    z = torch.randn(3, 10, 2, dtype=torch.float64)
    with torch.no_grad():
        assert_close(model.log_joint(z, batch_of(x)), model.at_means().log_joint(z, batch_of(x)))
    assert model.sample(7).shape == (7, 4)


def test_priors_and_shapes_out_of_range_are_refused() -> None:
    with pytest.raises(ShapeError, match="0 < latents < values"):
        BayesianPCA(4, 4)
    with pytest.raises(LatentiaError, match="rate is -1"):
        BayesianPCA(2, 4, rate=-1)
    with pytest.raises(NoClosedForm, match="got Normal"):
        BayesianPCA(2, 4).elbo(batch_of(torch.randn(3, 4)), Normal(0.0, 1.0))
