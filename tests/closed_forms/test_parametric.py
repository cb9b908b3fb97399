"""What every distribution of this library does with its parameters and values, whatever it is."""

import math
from typing import Any

import pytest
import torch

from latentia.core.errors import ShapeError
from latentia.distributions import (
    ContinuousBernoulli,
    Delta,
    Erlang,
    Gompertz,
    Logistic,
    NegativeBinomial,
    Rayleigh,
    Reciprocal,
    Triangular,
    TruncatedNormal,
)


def test_whole_numbers_become_floats_and_truncate_no_fraction_beside_them() -> None:
    assert float(NegativeBinomial(torch.tensor(3), 0.3).variance) == pytest.approx(5.7)
    assert float(Triangular(0, 0.5, torch.tensor(3)).mode) == 0.5
    assert Logistic(torch.tensor(0), torch.tensor(1)).sample((3,)).dtype == torch.get_default_dtype()


def test_the_widest_float_that_came_is_the_dtype_of_all() -> None:
    d = Logistic(torch.zeros(2), torch.ones((), dtype=torch.float64))
    assert d.loc.dtype == d.scale.dtype == d.sample().dtype == torch.float64


def test_what_is_no_number_is_refused_in_a_line() -> None:
    anything: Any = "wide"
    with pytest.raises(ShapeError, match="scale is a str") as refused:
        Logistic(0.0, anything)
    assert "\n" not in str(refused.value)
    anything = 1.0
    with pytest.raises(ShapeError, match="wanted a tensor"):
        Logistic(0.0, 1.0, validate_args=True).log_prob(anything)


ON_A_PART = [
    Rayleigh(1.0, validate_args=False),
    Gompertz(0.5, 2.0, validate_args=False),
    Erlang(3.0, 2.0, validate_args=False),
    Reciprocal(0.5, 2.0, validate_args=False),
    Triangular(0.0, 0.5, 1.0, validate_args=False),
    TruncatedNormal(0.0, 1.0, -1.0, 2.0, validate_args=False),
    ContinuousBernoulli(torch.tensor(0.7), validate_args=False),
]


@pytest.mark.parametrize("d", ON_A_PART, ids=lambda d: type(d).__name__)
def test_unchecked_values_outside_have_no_density_and_a_nan_stays_one(d: Any) -> None:
    value = torch.tensor([-3.0, math.inf, -math.inf, math.nan, 0.8]).requires_grad_()
    found = d.log_prob(value)
    assert found[:3].tolist() == [-math.inf] * 3
    assert bool(found[3].isnan())
    assert bool(found[4].isfinite())
    (slope,) = torch.autograd.grad(found[torch.tensor([0, 1, 2, 4])].sum(), value)
    assert bool(slope[torch.tensor([0, 1, 2, 4])].isfinite().all())


def test_a_gompertz_far_out_has_a_slope() -> None:
    shape, value = torch.tensor(1.0, requires_grad=True), torch.tensor(1e30, requires_grad=True)
    slopes = torch.autograd.grad(Gompertz(shape, 1.0).log_prob(value), (shape, value))
    assert all(bool(s.isfinite()) for s in slopes)


def test_who_writes_into_a_draw_of_a_point_does_not_move_the_point() -> None:
    loc = torch.zeros(3)
    Delta(loc).sample().add_(1)
    assert loc.tolist() == [0.0] * 3


def test_draws_of_an_erlang_are_finite_in_half_precision() -> None:
    draws = Erlang(torch.tensor(16.0).half(), torch.tensor(1.0).half()).sample((200,))
    assert bool(draws.isfinite().all())
