"""What holds of every bound: a function of log-weights and of nothing else."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from helpers.construct import build, cases
from latentia.bounds import BOUNDS, Bound, Elbo, Iwae, Renyi
from latentia.core.errors import LatentiaError

VARIANTS = {"renyi": [{"alpha": alpha} for alpha in (0.0, 0.1, 0.9, 0.9999, 1.0)]}
every_bound = pytest.mark.parametrize(("name", "options"), cases(BOUNDS, VARIANTS))
K, B = 5, 64


def make(name: str, options: dict[str, Any]) -> Bound:
    return build(BOUNDS[name], options, {})


def log_mean_exp(w: Tensor) -> Tensor:
    return w.exp().mean(0).log()


def weights(spread: float = 2.0) -> Tensor:
    return spread * torch.randn(K, B, dtype=torch.float64)


@every_bound
def test_one_number_a_row(name: str, options: dict[str, Any]) -> None:
    assert make(name, options)(weights()).shape == (B,)


@every_bound
@pytest.mark.parametrize("c", [-700.0, 3.0, 2e4])
def test_a_constant_passes_through(name: str, options: dict[str, Any], c: float) -> None:
    bound, w = make(name, options), weights()
    assert_close(bound(w + c), bound(w) + c, rtol=1e-9, atol=1e-9 * abs(c))


@every_bound
@pytest.mark.parametrize("n_draws", [1, 2, 50])
def test_equal_weights_give_that_weight(name: str, options: dict[str, Any], n_draws: int) -> None:
    one = weights()[0]
    assert_close(make(name, options)(one.expand(n_draws, B)), one)


@every_bound
def test_no_more_than_the_log_of_the_mean_weight_and_no_less_than_the_mean_log_weight(
    name: str, options: dict[str, Any]
) -> None:
    w = weights()
    value = make(name, options)(w)
    assert bool((value <= log_mean_exp(w) + 1e-9).all())
    assert bool((value >= w.mean(0) - 1e-9).all())


@every_bound
def test_the_order_of_draws_does_not_count_and_rows_do_not_meet(name: str, options: dict[str, Any]) -> None:
    bound, w = make(name, options), weights()
    assert_close(bound(w[torch.randperm(K)]), bound(w))
    assert_close(bound(w[:, :1]), bound(w)[:1])


@every_bound
def test_slopes_are_shares_of_one(name: str, options: dict[str, Any]) -> None:
    w = weights().requires_grad_()
    make(name, options)(w).sum().backward()
    assert w.grad is not None
    assert bool((w.grad >= 0).all())
    assert_close(w.grad.sum(0), torch.ones(B, dtype=torch.float64))


@every_bound
@pytest.mark.parametrize("size", [1e4, 1e30])
def test_huge_weights_stay_finite_with_their_gradient(name: str, options: dict[str, Any], size: float) -> None:
    w = (size * weights().float()).requires_grad_()
    value = make(name, options)(w)
    value.sum().backward()
    assert w.grad is not None
    assert bool(torch.isfinite(value).all())
    assert bool(torch.isfinite(w.grad).all())
    assert bool((value.double() <= w.max(0).values.double() * (1 + 1e-5 * w.max(0).values.sign().double())).all())


@every_bound
def test_an_impossible_draw_never_makes_a_nan(name: str, options: dict[str, Any]) -> None:
    bound, w = make(name, options), weights()
    w[0] = -math.inf
    value = bound(w)
    assert not bool(value.isnan().any())
    assert bool((value <= log_mean_exp(w) + 1e-9).all())
    assert bool((bound(torch.full_like(w, -math.inf)) == -math.inf).all())


def test_iwae_keeps_what_the_possible_draws_say() -> None:
    w = weights()
    w[0] = -math.inf
    assert_close(Iwae()(w), log_mean_exp(w))
    assert_close(Iwae()(w), Iwae()(w[1:]) + math.log((K - 1) / K))


def test_elbo_is_the_mean_and_iwae_the_log_mean_exp() -> None:
    w = weights()
    assert_close(Elbo()(w), w.mean(0))
    assert_close(Iwae()(w), log_mean_exp(w))


def test_renyi_runs_from_iwae_to_elbo_without_turning_back() -> None:
    w = weights()
    orders = torch.linspace(0, 1, 41).tolist()
    values = torch.stack([Renyi(alpha)(w) for alpha in orders])
    assert_close(values[0], Iwae()(w))
    assert_close(values[-1], Elbo()(w))
    assert bool((values.diff(dim=0) < 0).all())


def test_renyi_at_one_half_is_twice_the_log_of_the_mean_root() -> None:
    w = weights()
    assert_close(Renyi(0.5)(w), 2 * (w / 2).exp().mean(0).log())


def test_renyi_meets_the_elbo_without_a_step() -> None:
    w = weights(spread=1.0)
    for alpha in (1 - 1e-3, 1 - 1.1e-4, 1 - 0.9e-4, 1 - 1e-6):
        # The next term of its series is (1 - alpha) / 2 times the variance of the weights.
        assert_close(Renyi(alpha)(w), w.mean(0) + (1 - alpha) / 2 * w.var(0, correction=0), rtol=0, atol=2e-4)


@pytest.mark.parametrize("alpha", [-0.5, 1.5])
def test_an_order_that_bounds_nothing_is_refused(alpha: float) -> None:
    with pytest.raises(LatentiaError, match="alpha"):
        Renyi(alpha)
