"""Counts against scipy, against 50 digits at the ends of float32, and against their own draws."""

import math
from typing import Any

import mpmath
import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.distributions import Binomial, Distribution, Independent, Normal, Poisson
from torch.distributions import NegativeBinomial as TorchNegativeBinomial
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from latentia.core.errors import ShapeError, SupportError
from latentia.distributions.discrete import DISCRETE, BetaBinomial, NegativeBinomial, ZeroInflated
from latentia.distributions.discrete.stirling import deviance, log_excess, stirling_error

# Each mean with each dispersion, and counts around the mean, at the ends of the series, and far out.
MEANS = [1e-6, 1e-3, 1.0, 7.3, 1e4, 1e6]
DISPERSIONS = [0.0, 1e-8, 1e-4, 0.09, 0.3, 1e4]
COUNTS = [0, 1, 3, 9, 10, 12, 3000, 10_100, 1_001_500, 5_000_000]
TRIALS = [0, 1, 7, 1000, 1_000_000]
CONCENTRATIONS = [1e-3, 0.7, 30.0, 1e6]
DTYPES = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
# Of single numbers; vectors of counts have files of their own.
entries = pytest.mark.parametrize("name", [name for name, entry in DISCRETE.items() if not entry.example().event_shape])


def all_of(dtype: torch.dtype, *each: list[float] | list[int]) -> Tensor:
    return torch.cartesian_prod(*[torch.tensor(values, dtype=dtype) for values in each])


def exact_negative_binomial(mu: Any, a: Any, k: Any) -> Any:
    if a == 0:
        return k * mpmath.log(mu) - mu - mpmath.loggamma(k + 1)
    r, mu = 1 / mpmath.mpf(a), mpmath.mpf(mu)
    ways = mpmath.loggamma(k + r) - mpmath.loggamma(r) - mpmath.loggamma(k + 1)
    return ways + k * mpmath.log(mu / (r + mu)) + r * mpmath.log(r / (r + mu))


def exact_beta_binomial(n: Any, a: Any, b: Any, k: Any) -> Any:
    def beta(x: Any, y: Any) -> Any:
        return mpmath.loggamma(x) + mpmath.loggamma(y) - mpmath.loggamma(x + y)

    n, a, b, k = (mpmath.mpf(each) for each in (n, a, b, k))
    return -mpmath.log(n + 1) - beta(n - k + 1, k + 1) + beta(k + a, n - k + b) - beta(a, b)


def slope_by_dispersion(mu: float, a: float, k: float) -> float:
    if a == 0:
        return float(((mpmath.mpf(k) - mu) ** 2 - k) / 2)
    step = mpmath.mpf(a) * mpmath.mpf(10) ** -15
    return float((exact_negative_binomial(mu, a + step, k) - exact_negative_binomial(mu, a - step, k)) / (2 * step))


def error(found: Tensor, truth: list[float]) -> Tensor:
    wanted = torch.tensor(truth, dtype=torch.float64)
    return (found.detach().double() - wanted).abs() / (1 + wanted.abs())


def masses_up_to(d: Distribution, n: int = 3000) -> tuple[Tensor, Tensor]:
    counts = torch.arange(n, dtype=torch.float64).reshape(-1, *(1,) * len(d.batch_shape))
    return counts, d.log_prob(counts).exp()


def assert_moments(d: Distribution, counts: Tensor, mass: Tensor) -> None:
    mean = (counts * mass).sum(0)
    assert_close(mass.sum(0), torch.ones_like(mean), rtol=0, atol=1e-11)
    assert_close(d.mean, mean, rtol=1e-10, atol=0)
    assert_close(d.variance, ((counts - mean).square() * mass).sum(0), rtol=1e-9, atol=0)
    assert_close(d.mode, counts.flatten()[mass.argmax(0)])


@DTYPES
def test_stirling_s_error_and_deviances_have_all_their_digits(dtype: torch.dtype) -> None:
    eps = torch.finfo(dtype).eps
    x = torch.tensor([1e-6, 0.3, 1.0, 9.99, 10.0, 10.01, 300.0, 1e7], dtype=dtype)
    with mpmath.workdps(40):
        exact = [mpmath.mpf(each) for each in x.tolist()]
        excess = [mpmath.loggamma(each + 1) - each * mpmath.log(each) + each for each in exact]
        errors = [e - mpmath.log(2 * mpmath.pi * each) / 2 for e, each in zip(excess, exact, strict=True)]
        assert bool((error(log_excess(x), [float(e) for e in excess]) < 10 * eps).all())
        assert bool((error(stirling_error(1 / x), [float(e) for e in errors]) < 20 * eps).all())
    assert_close(stirling_error(torch.zeros(1, dtype=dtype)), torch.zeros(1, dtype=dtype))
    m = torch.tensor(1e4, dtype=dtype)
    for u in (-1.0, -0.21, -0.19, -1e-4, 0.0, 1e-4, 0.19, 0.21, 50.0):
        gap = m * u
        wanted = float(m) * ((1 + u) * math.log1p(u) - u if u > -1 else 1.0)
        assert_close(
            float(deviance(m + gap, gap, gap / m, 1 + gap / m)), wanted, rtol=100 * eps if abs(u) > 1e-3 else 1e-3, atol=0
        )


def test_negative_binomial_masses_are_scipy_s() -> None:
    mu, a, k = all_of(torch.float64, [0.3, 5.0, 80.0], [0.02, 0.5, 4.0], [0, 1, 4, 30, 200]).unbind(-1)
    wanted = torch.from_numpy(stats.nbinom.logpmf(k.numpy(), 1 / a.numpy(), 1 / (1 + a * mu).numpy()))
    assert_close(NegativeBinomial(mu, a).log_prob(k), wanted, rtol=1e-10, atol=1e-10)


def test_without_dispersion_counts_are_poisson() -> None:
    mu, k = all_of(torch.float64, [1e-6, 0.3, 5.0, 1e6], [0, 1, 4, 30, 1_000_000]).unbind(-1)
    wanted = torch.from_numpy(stats.poisson.logpmf(k.numpy(), mu.numpy()))
    assert_close(NegativeBinomial(mu, 0.0).log_prob(k), wanted, rtol=1e-8, atol=1e-9)


@DTYPES
def test_negative_binomial_masses_hold_to_the_ends_of_float32(dtype: torch.dtype) -> None:
    mu, a, k = all_of(dtype, MEANS, DISPERSIONS, COUNTS).unbind(-1)
    with mpmath.workdps(50):
        truth = [float(exact_negative_binomial(*row)) for row in zip(mu.tolist(), a.tolist(), k.tolist(), strict=True)]
    assert float(error(NegativeBinomial(mu, a).log_prob(k), truth).max()) < 10 * torch.finfo(dtype).eps


@DTYPES
def test_negative_binomial_gradients_hold_to_the_ends_of_float32(dtype: torch.dtype) -> None:
    mu, a, k = all_of(dtype, MEANS, DISPERSIONS, [0, 1, 9, 12, 3000, 1_001_500]).unbind(-1)
    mu, a = mu.clone().requires_grad_(), a.clone().requires_grad_()
    by_mu, by_a = torch.autograd.grad(NegativeBinomial(mu, a).log_prob(k).sum(), (mu, a))
    exact_mu, exact_a = mu.detach().double(), a.detach().double()
    assert_close(
        by_mu.double(),
        (k.double() - exact_mu) / (exact_mu * (1 + exact_a * exact_mu)),
        rtol=20 * torch.finfo(dtype).eps,
        atol=0,
    )
    with mpmath.workdps(60):
        truth = [slope_by_dispersion(*row) for row in zip(mu.tolist(), a.tolist(), k.tolist(), strict=True)]
    assert_close(by_a.double(), torch.tensor(truth, dtype=torch.float64), rtol=torch.finfo(dtype).eps ** 0.5, atol=1e-5)


def test_negative_binomial_moments_are_those_of_its_masses() -> None:
    d = NegativeBinomial(torch.tensor([0.4, 3.7, 20.2]).double(), torch.tensor([1.5, 0.0, 0.3]).double())
    assert_moments(d, *masses_up_to(d))


def test_torch_s_words_name_the_same_law() -> None:
    total_count, probs = torch.tensor([0.5, 4.0, 30.0]).double(), torch.tensor([0.9, 0.3, 0.5]).double()
    ours, theirs = NegativeBinomial.from_total_count(total_count, probs), TorchNegativeBinomial(total_count, probs)
    k = torch.tensor([[0.0], [3.0], [50.0]]).double()
    assert_close(ours.log_prob(k), theirs.log_prob(k))
    assert_close(ours.variance, theirs.variance)
    assert_close(ours.total_count, total_count)
    assert_close(ours.probs, probs)


@DTYPES
def test_negative_binomial_draws_have_its_moments(dtype: torch.dtype) -> None:
    """False alarm: 1e-6. Standardized first and second moments, Poisson limit and both ends of the mean among them."""
    mu = torch.tensor([0.05, 3.0, 1e6, 1e6, 40.0], dtype=dtype)
    d = NegativeBinomial(mu, torch.tensor([1.0, 0.4, 0.1, 1e-8, 0.0], dtype=dtype))
    z = ((d.sample((40_000,)) - d.mean) / d.stddev).double()
    assert_mean_is(torch.cat([z, z.square()], -1), torch.cat([torch.zeros(5), torch.ones(5)]).double(), "moments", 0.1, 1.0)


@entries
def test_a_value_that_cannot_be_has_no_mass_and_pulls_at_nothing(name: str) -> None:
    entry = DISCRETE[name]
    parameters = entry.parameters()
    leaves = [p.requires_grad_() for p in parameters.values() if isinstance(p, Tensor)]
    d = entry.make(**parameters, validate_args=False)
    assert bool(d.log_prob(torch.tensor(torch.nan)).isnan().all())
    others = (2.5, 1e9) if name == "beta-binomial" else () if d.has_enumerate_support else (2.5,)
    for value in (-1.0, -torch.inf, torch.inf, *others):
        log_mass = d.log_prob(torch.tensor(value))
        assert bool((log_mass == -torch.inf).all())
        for slope in torch.autograd.grad(log_mass.sum(), leaves):
            assert not bool(slope.isnan().any())
        with pytest.raises(SupportError):
            entry.make(**entry.parameters(), validate_args=True).log_prob(torch.tensor(value))


@entries
def test_expanded_rows_are_the_same_rows(name: str) -> None:
    d = DISCRETE[name].example(dtype=torch.float64)
    wide = d.expand((3, 2))
    assert wide.batch_shape == (3, 2)
    assert wide.sample((4,)).shape == (4, 3, 2)
    x = d.sample((3,))
    assert_close(wide.log_prob(x), d.log_prob(x))
    assert_close(wide.mean, d.mean.expand(3, 2))
    if d.has_enumerate_support:
        assert wide.enumerate_support().shape == (len(d.enumerate_support(expand=False)), 3, 2)


@pytest.mark.parametrize(
    "base", [Poisson(torch.tensor([0.3, 4.0]).double()), Binomial(5, torch.tensor([0.1, 0.6]).double())]
)
def test_a_gate_adds_zeros_and_takes_them_from_the_rest(base: Distribution) -> None:
    gate = torch.tensor([[-2.0], [1.0]]).double()
    d = ZeroInflated(base, gate)
    assert d.batch_shape == (2, 2)
    k = torch.arange(6).double().reshape(-1, 1, 1)
    direct = torch.sigmoid(-gate) * base.log_prob(k).exp()
    direct[0] += torch.sigmoid(gate)
    assert_close(d.log_prob(k), direct.log())
    assert d.has_enumerate_support == base.has_enumerate_support
    if d.has_enumerate_support:
        assert_moments(d, d.enumerate_support(expand=False).double(), d.log_prob(d.enumerate_support(expand=False)).exp())


def test_zero_inflated_moments_and_draws_are_those_of_its_masses() -> None:
    """False alarm: 1e-6. How often the first counts are drawn."""
    d = ZeroInflated(NegativeBinomial(torch.tensor([3.0, 0.8]).double(), 0.3), torch.tensor([-1.5, 0.5]).double())
    counts, mass = masses_up_to(d)
    assert_moments(d, counts, mass)
    hits = d.sample((20_000,)).unsqueeze(1) == counts[:3]
    assert_mean_is(hits.double(), mass[:3], "shares of 0, 1 and 2")


def test_a_gate_shut_or_open_leaves_the_base_or_zeros() -> None:
    base = Poisson(torch.tensor(2.0))
    k = torch.arange(4.0)
    assert_close(ZeroInflated(base, -1e4).log_prob(k), base.log_prob(k))
    assert_close(ZeroInflated(base, 1e4).log_prob(k), torch.tensor([0.0, -1e4, -1e4, -1e4]), rtol=1e-3, atol=0)
    assert not bool(ZeroInflated(base, 1e4).sample((100,)).any())


def test_only_counts_are_inflated() -> None:
    with pytest.raises(SupportError, match="continuous"):
        ZeroInflated(Normal(0.0, 1.0), 0.0, validate_args=True)
    with pytest.raises(ShapeError, match="wrap"):
        ZeroInflated(Independent(Poisson(torch.ones(3)), 1), 0.0)
    with pytest.raises(ShapeError, match="broadcast"):
        ZeroInflated(Poisson(torch.ones(3)), torch.zeros(2))


def test_beta_binomial_masses_are_scipy_s() -> None:
    a, b, k = all_of(torch.float64, [0.2, 1.0, 8.0], [0.5, 1.0, 40.0], [-1, 0, 1, 5, 12, 13]).unbind(-1)
    d = BetaBinomial(12, a, b.float(), validate_args=False)  # promoted
    assert_close(d.cdf(k + 0.5), torch.from_numpy(stats.betabinom.cdf(k.numpy(), 12, a.numpy(), b.numpy())))
    inflated = ZeroInflated(d, -1.0).cdf(k)
    assert_close(inflated, torch.where(k < 0, 0.0, 1 + (d.cdf(k) - 1) / (1 + math.exp(-1))))
    wanted = torch.from_numpy(stats.betabinom.logpmf(k.numpy(), 12, a.numpy(), b.numpy()))
    assert_close(d.log_prob(k), wanted, rtol=1e-10, atol=1e-10)


@DTYPES
def test_beta_binomial_masses_and_gradients_hold_to_the_ends_of_float32(dtype: torch.dtype) -> None:
    n, a, b, share = all_of(dtype, TRIALS, CONCENTRATIONS, CONCENTRATIONS, [0.0, 0.3, 0.999, 1.0]).unbind(-1)
    k = (share * n).round()
    a = a.clone().requires_grad_()
    log_mass = BetaBinomial(n, a, b).log_prob(k)
    (by_a,) = torch.autograd.grad(log_mass.sum(), a)
    truth, slopes = [], []
    with mpmath.workdps(50):
        for row in zip(n.tolist(), a.tolist(), b.tolist(), k.tolist(), strict=True):
            truth.append(float(exact_beta_binomial(*row)))
            trials, ones, zeros, hits = (mpmath.mpf(each) for each in row)
            up = mpmath.digamma(hits + ones) - mpmath.digamma(ones)
            slopes.append(float(up + mpmath.digamma(ones + zeros) - mpmath.digamma(ones + zeros + trials)))
    eps = torch.finfo(dtype).eps
    assert float(error(log_mass, truth).max()) < 20 * eps
    slope = torch.tensor(slopes, dtype=torch.float64)
    assert bool(((by_a.double() - slope).abs() < 100 * eps * (slope.abs() + 1 / a.detach().double())).all())


def test_beta_binomial_moments_mode_and_entropy_are_those_of_its_masses() -> None:
    a, b = torch.tensor([2.0, 0.7, 3.0, 0.4, 0.9]).double(), torch.tensor([5.5, 1.3, 0.6, 0.9, 0.4]).double()
    d = BetaBinomial(9, a, b)
    support = d.enumerate_support()
    assert support.shape == (10, 5)
    mass = d.log_prob(support).exp()
    assert_moments(d, support[:, :1], mass)
    assert_close(d.entropy(), torch.special.entr(mass).sum(0))


def test_sure_chances_make_a_binomial() -> None:
    k = torch.arange(11).double()
    d = BetaBinomial(10, torch.tensor(3e10, dtype=torch.float64), torch.tensor(7e10, dtype=torch.float64))
    wanted = torch.from_numpy(stats.binom.logpmf(k.numpy(), 10, 0.3))
    assert_close(d.log_prob(k), wanted, rtol=0, atol=1e-8)


def test_tiny_concentrations_draw_all_or_nothing_in_their_shares() -> None:
    """False alarm: 1e-6. A beta draw of such concentrations in float32 would be 0 / 0 or a half."""
    d = BetaBinomial(20, torch.tensor([1e-3, 3e-3]), torch.tensor([1e-3, 1e-3]))
    x = d.sample((40_000,))
    ends = torch.tensor([0.0, 20.0])
    hits = (x.unsqueeze(1) == ends.unsqueeze(-1)).double()
    assert_mean_is(hits, d.log_prob(ends.unsqueeze(-1)).exp().double(), "shares of the ends")


@DTYPES
def test_beta_binomial_draws_have_its_moments(dtype: torch.dtype) -> None:
    """False alarm: 1e-6. Standardized first and second moments, a million trials among them."""
    n = torch.tensor([6, 1_000_000, 1_000_000], dtype=torch.int64)
    d = BetaBinomial(n, torch.tensor([2.0, 1e6, 5.0], dtype=dtype), torch.tensor([0.5, 3e5, 9.0], dtype=dtype))
    z = ((d.sample((40_000,)) - d.mean) / d.stddev).double()
    assert_mean_is(torch.cat([z, z.square()], -1), torch.cat([torch.zeros(3), torch.ones(3)]).double(), "moments", 0.1, 1.0)


def test_rows_of_different_totals_share_no_list_of_values() -> None:
    with pytest.raises(ShapeError, match="total_count"):
        BetaBinomial(torch.tensor([3, 4]), 1.0, 1.0).enumerate_support()
    assert BetaBinomial(5, torch.ones(0), 1.0).enumerate_support().shape == (6, 0)
    for empty in (BetaBinomial(5, torch.ones(0), 1.0), BetaBinomial(torch.zeros(0), 1.0, 1.0)):
        assert empty.entropy().shape == empty.cdf(torch.zeros(0)).shape == (0,)
