"""A bit given by the log of its chance to be off, to all digits and to both ends."""

import math

import mpmath
import pytest
import torch
from torch.testing import assert_close

from latentia.core.errors import SupportError
from latentia.distributions import LogOffBernoulli, log_one_minus_exp


@pytest.mark.parametrize("log_off", [-1e-300, -1e-18, -1e-3, -0.5, -math.log(2), -0.7, -3.0, -40.0, -700.0])
def test_both_masses_have_all_their_digits(log_off: float) -> None:
    mpmath.mp.dps = 400
    d = LogOffBernoulli(torch.tensor(log_off, dtype=torch.float64))
    on = 1 - mpmath.exp(mpmath.mpf(log_off))
    assert float(d.log_prob(torch.tensor(0.0).double())) == log_off
    log_on = mpmath.log(on)
    assert abs(mpmath.mpf(float(d.log_prob(torch.tensor(1.0).double()))) - log_on) <= 4e-16 * abs(log_on)
    assert abs(mpmath.mpf(float(d.mean)) / on - 1) < 4e-16


def test_at_the_ends_one_value_alone_is_possible() -> None:
    d = LogOffBernoulli(torch.tensor([0.0, -math.inf]))
    assert d.sample((200,)).unique(dim=0).tolist() == [[0.0, 1.0]]
    assert d.log_prob(torch.tensor([0.0, 1.0])).tolist() == [0.0, 0.0]
    assert d.log_prob(torch.tensor([1.0, 0.0])).tolist() == [-math.inf, -math.inf]
    assert d.mean.tolist() == [0.0, 1.0]
    assert d.variance.tolist() == [0.0, 0.0]
    assert d.entropy().tolist() == [0.0, 0.0]
    assert d.mode.tolist() == [0.0, 1.0]


def test_slopes_are_finite_where_the_value_is_possible() -> None:
    log_off = torch.tensor([0.0, -1e-30, -50.0], requires_grad=True)
    LogOffBernoulli(log_off, validate_args=False).log_prob(torch.tensor([0.0, 0.0, 1.0])).sum().backward()
    assert log_off.grad is not None
    assert_close(log_off.grad, torch.tensor([1.0, 1.0, 0.0]))
    a = torch.tensor([-1e-3, -5.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(log_one_minus_exp, a)


def test_a_chance_above_one_is_refused() -> None:
    with pytest.raises(SupportError, match="1 of 2 do not"):
        LogOffBernoulli(torch.tensor([0.1, -1.0]))
