"""Each gradient that has a name elsewhere is the formula that goes by that name."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal
from torch.testing import assert_close

from latentia.bounds import Bound, Elbo, Iwae, Renyi
from latentia.core import Batch
from latentia.core.errors import LatentiaError, NoClosedForm
from latentia.distributions import closed_kl
from latentia.gradients import AnalyticKL, DoublyReparameterized, LeaveOneOut, Reparameterized
from latentia.gradients.base import draw_credits, whole_credits
from latentia.gradients.doubly_reparameterized import path_credits
from latentia.gradients.leave_one_out import mean_of_the_others
from latentia.models import PPCA

K, B, D, V = 4, 6, 2, 5


def ppca_and_batch() -> tuple[PPCA, Batch]:
    model = PPCA(D, V).double()
    with torch.no_grad():
        model.log_sigma.fill_(-0.4)
    return model, Batch(model.sample(B), torch.arange(B), B)


def free_copy(q: Distribution) -> tuple[MultivariateNormal, list[Tensor]]:
    """The same normal with parameters of its own."""
    assert isinstance(q, MultivariateNormal)
    phi = [q.loc.detach().clone().requires_grad_(), q.scale_tril.detach().clone().requires_grad_()]
    return MultivariateNormal(phi[0], scale_tril=phi[1]), phi


def log_weights_like_draws() -> Tensor:
    return 3 * torch.randn(K, B, dtype=torch.float64) - 100


@pytest.mark.parametrize("bound", [Elbo(), Iwae(), Renyi(0.3)], ids=lambda bound: type(bound).__name__)
@pytest.mark.parametrize("n_draws", [1, K])
def test_sticking_the_landing_stands_still_at_the_exact_posterior_on_every_draw(bound: Bound, n_draws: int) -> None:
    model, batch = ppca_and_batch()
    for _ in range(5):
        q, phi = free_copy(model.exact_posterior(batch))
        DoublyReparameterized()(bound, model, q, batch, n_draws).surrogate.sum().backward()
        for value in phi:
            assert value.grad is not None
            assert_close(value.grad, torch.zeros_like(value), rtol=0, atol=1e-11)


def test_the_plain_pathwise_gradient_does_not_stand_still_there() -> None:
    model, batch = ppca_and_batch()
    q, phi = free_copy(model.exact_posterior(batch))
    Reparameterized()(Elbo(), model, q, batch, 1).surrogate.sum().backward()
    assert phi[0].grad is not None
    assert float(phi[0].grad.abs().max()) > 0.1


def test_the_path_credit_is_even_for_the_elbo_and_v_squared_for_iwae() -> None:
    w = log_weights_like_draws()
    v, share = path_credits(Elbo(), w)
    assert_close(v, torch.full_like(w, 1 / K))
    assert_close(share, torch.ones_like(w))
    v, share = path_credits(Iwae(), w)
    assert_close(v, w.softmax(0))
    assert_close(v * share, w.softmax(0).square())


@pytest.mark.parametrize("alpha", [0.2, 0.7])
def test_the_path_credit_of_renyi_lies_between(alpha: float) -> None:
    w = log_weights_like_draws()
    v, share = path_credits(Renyi(alpha), w)
    tempered = ((1 - alpha) * w).softmax(0)
    assert_close(v, tempered)
    assert_close(v * share, alpha * tempered + (1 - alpha) * tempered.square())


def test_the_path_credit_follows_the_weight_of_the_kl() -> None:
    w = log_weights_like_draws()
    v, share = path_credits(Iwae(), w, kl_weight=0.3)
    assert_close(v * share, 0.7 * w.softmax(0) + 0.3 * w.softmax(0).square())


def test_the_path_credit_survives_a_draw_of_no_weight() -> None:
    w = log_weights_like_draws()
    w[0] -= 1e4
    v, share = path_credits(Iwae(), w)
    assert bool(torch.isfinite(v).all())
    assert bool(torch.isfinite(share).all())
    assert not bool(v[0].any())


def test_leave_one_out_of_the_elbo_is_rloo() -> None:
    w = log_weights_like_draws()
    by_hand = torch.stack([(w[k] - (w.sum(0) - w[k]) / (K - 1)) / K for k in range(K)])
    assert_close(draw_credits(Elbo(), w, mean_of_the_others(w)), by_hand)


def test_leave_one_out_of_iwae_is_vimco() -> None:
    w = log_weights_like_draws()
    by_hand = []
    for k in range(K):
        others = torch.cat([w[:k], w[k + 1 :]])
        stand_in = others.mean(0, keepdim=True)  # the geometric mean of the others' weights
        by_hand.append(w.logsumexp(0) - torch.cat([others, stand_in]).logsumexp(0))
    assert_close(draw_credits(Iwae(), w, mean_of_the_others(w)), torch.stack(by_hand))


def test_a_moving_baseline_credits_each_draw_with_its_own_weight_under_the_elbo() -> None:
    w, instead = log_weights_like_draws(), torch.full((K, B), -98.0, dtype=torch.float64)
    assert_close(draw_credits(Elbo(), w, instead), (w - instead) / K)


@pytest.mark.parametrize("bound", [Elbo(), Iwae(), Renyi(0.3)], ids=lambda bound: type(bound).__name__)
def test_the_whole_credit_is_that_of_the_bound_less_its_own_score(bound: Bound) -> None:
    w, instead = log_weights_like_draws(), log_weights_like_draws()

    def share(w: Tensor, k: int) -> Tensor:
        """L - 0.7 dL/dw_k."""
        at = w.clone().requires_grad_()
        return bound(w) - 0.7 * torch.autograd.grad(bound(at).sum(), at)[0][k]

    by_hand = []
    for k in range(K):
        exchanged = torch.cat([w[:k], instead[k : k + 1], w[k + 1 :]])
        by_hand.append(share(w, k) - share(exchanged, k))
    assert_close(whole_credits(bound, w, instead, 0.7), torch.stack(by_hand))


@pytest.mark.parametrize("bound", [Elbo(), Iwae(), Renyi(0.3)], ids=lambda bound: type(bound).__name__)
def test_leave_one_out_stands_still_at_the_exact_posterior_on_every_draw(bound: Bound) -> None:
    model, batch = ppca_and_batch()
    q, phi = free_copy(model.exact_posterior(batch))
    LeaveOneOut()(bound, model, q, batch, K).surrogate.sum().backward()
    for value in phi:
        assert value.grad is not None
        assert_close(value.grad, torch.zeros_like(value), rtol=0, atol=1e-11)


@pytest.mark.parametrize("bound", [Elbo(), Iwae(), Renyi(0.3)], ids=lambda bound: type(bound).__name__)
def test_a_draw_s_baseline_does_not_know_the_draw(bound: Bound) -> None:
    w = log_weights_like_draws().requires_grad_()
    baseline = bound(w) - draw_credits(bound, w, mean_of_the_others(w))  # (K, B)
    for k in range(K):
        (slope,) = torch.autograd.grad(baseline[k].sum(), w, retain_graph=True)
        assert_close(slope[k], torch.zeros(B, dtype=torch.float64), rtol=0, atol=1e-12)


def test_leave_one_out_needs_another() -> None:
    model, batch = ppca_and_batch()
    with pytest.raises(LatentiaError, match="draws >= 2"):
        LeaveOneOut()(Elbo(), model, model.exact_posterior(batch), batch, 1)


def diagonal(offsets: list[float]) -> tuple[Independent, Tensor, Tensor]:
    """q of B rows, each latent so far from the prior."""
    loc = torch.tensor(offsets, dtype=torch.float64).repeat(B, 1).requires_grad_()
    log_scale = torch.full_like(loc, -0.1, requires_grad=True)
    return Independent(Normal(loc, log_scale.exp()), 1), loc, log_scale


def deaf_ppca() -> tuple[PPCA, Batch]:
    """A likelihood that does not hear z, so that the KL is all that moves q."""
    model, batch = ppca_and_batch()
    with torch.no_grad():
        model.weight.zero_()
    return model, batch


def test_free_bits_leave_a_latent_below_the_floor_alone() -> None:
    model, batch = deaf_ppca()
    q, loc, log_scale = diagonal([0.1, 2.0])  # about 0.01 and 2 nats
    estimate = AnalyticKL(free_bits=0.5)(Elbo(), model, q, batch, 3)
    estimate.surrogate.sum().backward()
    assert loc.grad is not None
    assert log_scale.grad is not None
    assert not bool(loc.grad[:, 0].any())
    assert not bool(log_scale.grad[:, 0].any())
    assert_close(loc.grad[:, 1], -loc.detach()[:, 1])
    assert_close(log_scale.grad[:, 1], 1 - (2 * log_scale.detach()[:, 1]).exp())
    assert_close(estimate.rate, closed_kl(q, model.prior()).detach())  # the report knows of no free bits


def test_free_bits_ask_for_the_mean_over_the_batch() -> None:
    model, batch = deaf_ppca()
    q, loc, _ = diagonal([0.1, 0.1])
    with torch.no_grad():
        loc[0, 0] = 6.0  # one row of six holds enough nats for all
    AnalyticKL(free_bits=0.5)(Elbo(), model, q, batch, 1).surrogate.sum().backward()
    assert loc.grad is not None
    assert bool((loc.grad[:, 0] != 0).all())
    assert not bool(loc.grad[:, 1].any())


def test_free_bits_need_latents_that_stand_apart() -> None:
    model, batch = ppca_and_batch()
    with pytest.raises(NoClosedForm, match="factorize"):
        AnalyticKL(free_bits=0.5)(Elbo(), model, model.exact_posterior(batch), batch, 1)


def test_beta_weighs_the_kl_of_the_gradient_and_not_of_the_report() -> None:
    model, batch = deaf_ppca()
    slopes, bounds = [], []
    for gradient, kl_weight in ((AnalyticKL(), 1.0), (AnalyticKL(beta=4.0), 1.0), (AnalyticKL(beta=8.0), 0.5)):
        q, loc, _ = diagonal([1.0, 2.0])
        torch.manual_seed(0)
        estimate = gradient(Elbo(), model, q, batch, 1, kl_weight)
        estimate.surrogate.sum().backward()
        assert loc.grad is not None
        slopes.append(loc.grad)
        bounds.append(estimate.bound)
    assert_close(slopes[1], 4 * slopes[0])
    assert_close(slopes[2], 4 * slopes[0])
    assert_close(torch.stack(bounds), bounds[0].expand(3, B))


def test_the_analytic_kl_reports_what_fits_minus_what_it_costs() -> None:
    model, batch = deaf_ppca()
    q, _, _ = diagonal([1.0, 2.0])
    estimate = AnalyticKL()(Elbo(), model, q, batch, 2)
    fit = -0.5 * (batch.x - model.mean).square().sum(-1) * (0.8 * torch.ones(())).exp().double()
    fit = fit - V * (0.5 * math.log(2 * math.pi) - 0.4)
    assert_close(estimate.bound, (fit - estimate.rate).detach(), rtol=1e-6, atol=1e-6)
