"""The Erlang distribution against SciPy, mpmath and the waits that it is a sum of, in float64 unless said otherwise."""

from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from scipy import stats

from helpers.chance import assert_mean_is
from latentia.core.random import seeded
from latentia.distributions.univariate import Erlang


@pytest.mark.parametrize("shapes", [[1.0, 3.0, 16.0], [1.0, 3.0, 17.0]], ids=["a sum of waits", "a gamma"])
def test_erlang_draws_have_its_law_on_either_side_of_the_hand_over(shapes: list[float]) -> None:
    """Three moments of the uniform that the cdf makes of draws. False alarm: 3e-6 over the seed."""
    shape = torch.tensor(shapes, dtype=torch.float64)
    rate = torch.tensor([0.5, 1.0, 4.0], dtype=torch.float64).requires_grad_()
    d = Erlang(shape, rate)
    x = d.rsample((40_000,))
    for power in (1, 2, 3):
        assert_mean_is(d.cdf(x).detach() ** power, torch.full((3,), 1 / (power + 1)), f"power {power}")
    (slope,) = torch.autograd.grad(x.sum(), rate)
    torch.testing.assert_close(slope, -(x.detach() / rate.detach()).sum(0))


def test_no_gradient_reaches_an_erlang_s_whole_number() -> None:
    shape, rate = torch.tensor([2.0, 40.0]).requires_grad_(), torch.tensor(1.5).requires_grad_()
    d = Erlang(shape, rate)
    total = d.rsample().sum() + d.log_prob(d.sample()).sum() + d.cdf(d.mean).sum() + d.variance.sum() + d.entropy().sum()
    total.backward()
    assert shape.grad is None
    assert rate.grad is not None


def test_erlang_keeps_its_digits_at_large_shapes_in_float32() -> None:
    shape = torch.tensor([9.0, 10.0, 100.0, 1e4, 1e6])
    d, exact = Erlang(shape, torch.tensor(3.0)), Erlang(shape.double(), torch.tensor(3.0).double())
    x = d.sample((200,))
    torch.testing.assert_close(d.log_prob(x), exact.log_prob(x.double()).float(), rtol=0, atol=2e-3)
    torch.testing.assert_close(d.entropy(), exact.entropy().float(), rtol=0, atol=1e-5)
    theirs: Any = stats.gamma(shape.double().numpy(), scale=1 / 3.0)
    np.testing.assert_allclose(exact.log_prob(exact.mean), theirs.logpdf(exact.mean.numpy()), rtol=1e-8)
    np.testing.assert_allclose(exact.entropy(), theirs.entropy(), rtol=1e-9)


@pytest.mark.parametrize("shape", [1, 2, 3, 5, 9, 10, 11, 40])
def test_erlang_density_and_entropy_have_thirteen_digits_on_both_sides_of_the_series(shape: int) -> None:
    d, x = Erlang(float(shape), torch.ones((), dtype=torch.float64)), 0.7 * shape
    with mpmath.workdps(30):
        log_gamma = mpmath.loggamma(shape)
        density = (shape - 1) * mpmath.log(mpmath.mpf(x)) - mpmath.mpf(x) - log_gamma
        entropy = shape + log_gamma + (1 - shape) * mpmath.digamma(shape)
    np.testing.assert_allclose(d.log_prob(torch.tensor(x, dtype=torch.float64)), float(density), rtol=1e-13)
    np.testing.assert_allclose(d.entropy(), float(entropy), rtol=1e-13)


def test_a_few_waits_are_added_up() -> None:
    d = Erlang(torch.tensor([1.0, 3.0]), torch.tensor([0.5, 2.0]))
    with seeded(3):
        u = torch.rand((5, 2, 3))
    with seeded(3):
        x = d.sample((5,))
    torch.testing.assert_close(x[:, 0], -u[:, 0, 0].log() / 0.5)
    torch.testing.assert_close(x[:, 1], -u[:, 1].log().sum(-1) / 2.0)


def test_erlang_takes_whole_numbers_of_any_kind() -> None:
    for shape in (3, 3.0, torch.tensor(3), torch.tensor([3, 5])):
        assert Erlang(shape, 0.5).sample((4,)).dtype == torch.get_default_dtype()
        assert Erlang(shape, torch.tensor(0.5).double()).mean.dtype == torch.float64


def test_at_zero_only_a_single_wait_has_a_density() -> None:
    rate = torch.tensor(2.0).requires_grad_()
    density = Erlang(torch.tensor([1.0, 2.0]), rate).log_prob(torch.zeros(2))
    torch.testing.assert_close(density.detach(), torch.tensor([0.6931472, -torch.inf]))
    torch.testing.assert_close(torch.autograd.grad(density[0], rate)[0], torch.tensor(0.5))


def test_erlang_derivatives_are_those_of_finite_differences() -> None:
    shape, rate = torch.tensor([1.0, 5.0, 40.0]).double(), torch.tensor([0.5, 1.0, 2.0]).double().requires_grad_()
    x = (shape / rate.detach() * 0.8).requires_grad_()
    assert torch.autograd.gradcheck(lambda r, x: Erlang(shape, r).log_prob(x), (rate, x))
    assert torch.autograd.gradcheck(lambda r, x: Erlang(shape, r).cdf(x), (rate, x))
    assert torch.autograd.gradcheck(lambda r: Erlang(shape, r).entropy() + Erlang(shape, r).variance, (rate,))
