"""The discretized logistic against sums, against a direct difference of sigmoids, and in bits."""

import math

import pytest
import torch
from torch.distributions import Categorical, Independent
from torch.testing import assert_close

from latentia.core.errors import SupportError
from latentia.distributions import DiscretizedLogistic, grid_nats_to_bits
from latentia.evaluation.footprint import peak_bytes

LOCS = torch.tensor([-1e3, -3.0, 0.0, 0.2, 0.5, 1.0, 4.0, 1e3])
SCALES = torch.tensor([1e-6, 1e-3, 0.03, 1.0, 50.0, 1e5])
LEVELS = pytest.mark.parametrize("levels", [2, 17, 256])


def every_pair(levels: int, dtype: torch.dtype) -> DiscretizedLogistic:
    loc, scale = torch.cartesian_prod(LOCS, SCALES).to(dtype).unbind(-1)
    return DiscretizedLogistic(loc, scale, levels)


@LEVELS
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-10), (torch.float32, 1e-4)], ids=["float64", "float32"])
def test_masses_sum_to_one_wherever_the_logistic_lies(levels: int, dtype: torch.dtype, atol: float) -> None:
    d = every_pair(levels, dtype)
    masses = d.log_prob(d.enumerate_support()).exp()
    assert masses.shape == (levels, len(LOCS) * len(SCALES))
    assert_close(masses.sum(0), torch.ones_like(masses[0]), rtol=0, atol=atol)


@LEVELS
def test_masses_are_differences_of_sigmoids(levels: int) -> None:
    """Where the direct difference keeps its digits, float64 agrees with it to 1e-9 and float32 to what float32 can hold."""
    loc, scale = torch.cartesian_prod(torch.linspace(-0.2, 1.2, 8), torch.tensor([0.02, 0.1, 1.0, 20.0])).double().unbind(-1)
    exact, single = DiscretizedLogistic(loc, scale, levels), DiscretizedLogistic(loc.float(), scale.float(), levels)
    x = exact.enumerate_support()
    half = 0.5 / (levels - 1)
    below = torch.where(x < half, 0.0, torch.sigmoid((x - half - loc) / scale))
    up_to = torch.where(x > 1 - half, 1.0, torch.sigmoid((x + half - loc) / scale))
    direct = up_to - below
    sound = direct > 1e-6
    assert bool(sound.float().mean() > 0.5)
    assert_close(exact.log_prob(x)[sound], direct[sound].log(), rtol=0, atol=1e-8)
    assert_close(single.log_prob(x.float())[sound].double(), direct[sound].log(), rtol=1e-4, atol=1e-4)


@LEVELS
def test_the_cumulated_masses_are_the_cdf(levels: int) -> None:
    for dtype in (torch.float32, torch.float64):
        d = every_pair(levels, dtype)
        x = d.enumerate_support()
        up_to = d.log_prob(x).exp().cumsum(0)
        for at in (x, x + 0.9 / (levels - 1)):  # between two levels it does not rise
            assert_close(d.cdf(at), up_to, rtol=0, atol=1e-4 if dtype == torch.float32 else 1e-10)
        ends = d.cdf(torch.tensor([-torch.inf, -1e-2 / levels, 1.0, torch.inf]).reshape(-1, 1))
        assert_close(ends, torch.tensor([[0.0], [0.0], [1.0], [1.0]], dtype=dtype).expand_as(ends))
        assert bool(d.cdf(torch.tensor(torch.nan)).isnan().all())


@LEVELS
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-12), (torch.float32, 1e-5)], ids=["float64", "float32"])
def test_the_mean_is_the_sum_of_levels_by_their_masses(levels: int, dtype: torch.dtype, atol: float) -> None:
    d = every_pair(levels, dtype)
    x = d.enumerate_support()
    assert_close(d.mean, (x * d.log_prob(x).exp()).sum(0), rtol=0, atol=atol)


def test_a_mean_holds_few_numbers_a_value() -> None:
    d = DiscretizedLogistic(torch.rand(1000), torch.rand(1000) + 0.1)
    assert peak_bytes(lambda: d.mean) < 70 * 1000 * 4, "of 256 levels, two or three times sixteen at once"


@pytest.mark.parametrize("levels", [0, 1, 2.5, True, -3])
def test_fewer_than_two_levels_are_refused(levels: int) -> None:
    with pytest.raises(SupportError, match=r"DiscretizedLogistic: levels is .* at least 2"):
        DiscretizedLogistic(0.5, 0.1, levels)


@LEVELS
def test_far_from_the_location_the_log_mass_falls_in_a_line(levels: int) -> None:
    """A tail cell's log mass is, for a narrow logistic, its nearer edge's distance over the scale: no underflow to -inf."""
    d = DiscretizedLogistic(torch.tensor(-40.0), torch.tensor(0.01), levels)
    half = 0.5 / (levels - 1)
    assert_close(d.log_prob(torch.tensor(1.0)), torch.tensor(-(1 - half + 40) / 0.01), rtol=1e-4, atol=1e-3)


@LEVELS
def test_draws_are_grey_levels(levels: int) -> None:
    d = every_pair(levels, torch.float32)
    x = d.sample((100,))
    assert bool(d.support.check(x).all())
    assert bool(d.support.check(d.mode).all())
    assert not bool(d.support.check(torch.tensor([0.3 / (levels - 1), 1 + 1 / (levels - 1), -1.0])).any())


def test_even_odds_over_a_byte_are_eight_bits_a_value() -> None:
    even = Independent(Categorical(logits=torch.zeros(784, 256, dtype=torch.float64)), 1)
    nats = -float(even.log_prob(torch.zeros(784)))
    assert grid_nats_to_bits(nats, 784) == pytest.approx(8.0, abs=1e-9)
    assert grid_nats_to_bits(math.log(2), 1) == pytest.approx(1.0)


def test_a_logistic_that_knows_the_value_takes_no_bits() -> None:
    x = torch.arange(256) / 255
    sure = Independent(DiscretizedLogistic(x, torch.tensor(1e-5)), 1)
    assert grid_nats_to_bits(-float(sure.log_prob(x)), 256) == pytest.approx(0.0, abs=1e-6)
