"""The truncated normal against SciPy and mpmath, from no truncation to tails 1e4 standard deviations out."""

import math
from collections.abc import Iterable
from functools import cache
from typing import Any

import mpmath
import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.distributions import HalfNormal, Normal

from helpers.chance import assert_mean_is
from latentia.core.errors import SupportError
from latentia.distributions.univariate import TruncatedNormal, normal_interval

INF = math.inf
DIGITS = 60
Case = tuple[float, ...]
# loc, scale, low, high
ORDINARY = [
    (0.0, 1.0, -1.0, 2.0),
    (1.0, 0.5, 0.5, 3.0),
    (0.0, 1.0, -1.0, 1.0),
    (0.0, 1.0, 0.0, INF),
    (0.0, 2.0, -INF, INF),
    (0.0, 1.0, 3.0, INF),
    (0.0, 1.0, -INF, -7.0),
    (0.0, 1.0, 7.9, 9.0),
    (5.0, 2.0, -20.0, 1.0),
]
DEEP = [
    (0.0, 1.0, 8.1, INF),
    (0.0, 1.0, 30.0, INF),
    (0.0, 1.0, 30.0, 30.5),
    (2.0, 0.1, -INF, -1.0),
    (0.0, 1.0, -31.0, -30.0),
    (-1e4, 1.0, 0.0, INF),
]
NARROW = [(0.0, 1e6, -1.0, 1.0), (0.0, 1e6, -1.0, 2.0), (0.25, 1e6, -3.0, 1.0), (2.0, 1.0, 3.0, 3.0 + 2**-20)]
CASES = ORDINARY + DEEP + NARROW
U = torch.tensor([1e-12, 1e-3, 0.1, 0.5, 0.9, 1 - 1e-3, 1 - 1e-12], dtype=torch.float64)


class Exact:
    """One truncated normal in closed form, in digits enough that nothing cancels."""

    def __init__(self, case: Case) -> None:
        self.case = case
        with mpmath.workdps(DIGITS):
            loc, scale, *ends = (mpmath.mpf(p) for p in case)
            a, b = ((end - loc) / scale for end in ends)
            near, far = (a, b) if a > 0 else (-b, -a)  # the difference of the smaller tails
            self.mass = (mpmath.erfc(near / mpmath.sqrt(2)) - mpmath.erfc(far / mpmath.sqrt(2))) / 2
            at_low, at_high = mpmath.npdf(a) / self.mass, mpmath.npdf(b) / self.mass
            offset = at_low - at_high
            lever = (a * at_low if mpmath.isfinite(a) else 0) - (b * at_high if mpmath.isfinite(b) else 0)
            variance = 1 + lever - offset**2
            entropy = mpmath.log(mpmath.sqrt(2 * mpmath.pi) * scale * self.mass) + (1 + lever) / 2
            self.mean, self.variance, self.std, self.entropy = (
                float(v) for v in (loc + scale * offset, scale**2 * variance, scale * mpmath.sqrt(variance), entropy)
            )

    def log_prob(self, x: float) -> float:
        with mpmath.workdps(DIGITS):
            loc, scale = mpmath.mpf(self.case[0]), mpmath.mpf(self.case[1])
            return float(mpmath.log(mpmath.npdf((mpmath.mpf(x) - loc) / scale) / scale / self.mass))


@cache
def exact(case: Case) -> Exact:
    return Exact(case)


def of(parameters: Iterable[Tensor]) -> TruncatedNormal:
    loc, scale, low, high = parameters
    return TruncatedNormal(loc, scale, low, high)


def at(case: Case, dtype: torch.dtype = torch.float64) -> TruncatedNormal:
    return of(torch.tensor(p, dtype=dtype) for p in case)


@pytest.mark.parametrize("case", ORDINARY)
def test_ordinary_ones_are_scipy_s(case: Case) -> None:
    loc, scale, low, high = case
    theirs: Any = stats.truncnorm((low - loc) / scale, (high - loc) / scale, loc, scale)
    d = at(case)
    x = d.icdf(U)
    torch.testing.assert_close(x[1:-1], torch.from_numpy(theirs.ppf(U[1:-1].numpy())), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(d.log_prob(x), torch.from_numpy(theirs.logpdf(x.numpy())), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(d.cdf(x), torch.from_numpy(theirs.cdf(x.numpy())), rtol=1e-10, atol=1e-10)
    assert float(d.mean) == pytest.approx(theirs.mean(), rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("case", CASES)
def test_density_and_moments_have_ten_digits_everywhere(case: Case) -> None:
    d, truth = at(case), exact(case)
    x = d.icdf(U)
    wanted = torch.tensor([truth.log_prob(v) for v in x.tolist()], dtype=torch.float64)
    torch.testing.assert_close(d.log_prob(x), wanted, rtol=1e-10, atol=1e-10)
    assert float(d.mean) == pytest.approx(truth.mean, rel=1e-12, abs=1e-10 * truth.std)
    assert float(d.variance) == pytest.approx(truth.variance, rel=1e-12)
    assert float(d.entropy()) == pytest.approx(truth.entropy, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_quantiles_and_cumulated_mass_undo_each_other(case: Case) -> None:
    d = at(case)
    x = d.icdf(U)
    # Where x needs all its digits to tell where it is between its ends, what it lacks is missing from its share, too.
    digits = 1e-15 * max(1.0, float((x.abs() / d.stddev).max()))
    torch.testing.assert_close(d.cdf(x), U, rtol=0, atol=1e-14 + 10 * digits)
    torch.testing.assert_close(d.icdf(d.cdf(x[1:-1])), x[1:-1], rtol=1e-10, atol=1e-10)
    ends = d.icdf(torch.tensor([0.0, 1.0]).double())
    torch.testing.assert_close(ends, torch.tensor(case[2:], dtype=torch.float64), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("case", CASES)
def test_float32_agrees_with_float64(case: Case) -> None:
    d, wide = at(case, torch.float32), at(case)
    x = d.sample((2_000,))
    assert bool(((x >= d.low) & (x <= d.high)).all())
    assert bool(x.isfinite().all())
    torch.testing.assert_close(d.log_prob(x), wide.log_prob(x.double()).float(), rtol=1e-5, atol=2e-5)
    torch.testing.assert_close(d.entropy(), wide.entropy().float(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(d.variance, wide.variance.float(), rtol=1e-5, atol=0)
    torch.testing.assert_close(d.mean, wide.mean.float(), rtol=1e-6, atol=1e-6 * case[1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_draws_have_the_exact_moments(dtype: torch.dtype) -> None:
    """Mean and variance in every regime, all rows in one batch. False alarm: 2e-6 over the seed."""
    cases = [c for c in CASES if dtype == torch.float64 or c[3] - c[2] > 1e-3]
    truths = [exact(case) for case in cases]
    d = of(torch.tensor(cases, dtype=dtype).T)
    mean, std = torch.tensor([(t.mean, t.std) for t in truths], dtype=torch.float64).T
    z = (d.sample((40_000,)).double() - mean) / std
    assert_mean_is(z, torch.zeros(len(cases)).double(), "mean", size=1.0)
    assert_mean_is(z.square(), torch.ones(len(cases)).double(), "variance")


def implicit_slopes(d: TruncatedNormal, x: Tensor) -> list[Tensor]:
    """dx by loc, scale, low and high with the share of mass below x held, written out from the density alone."""
    below, density = d.cdf(x), d.log_prob(x)
    low, high = (torch.exp(d.log_prob(end) - density).nan_to_num(0.0) for end in (d.low, d.high))
    by_low, by_high = (1 - below) * low, below * high
    a, z, b = (((v - d.loc) / d.scale) for v in (d.low.clamp_min(-1e9), x, d.high.clamp_max(1e9)))
    return [1 - by_low - by_high, z - by_low * a - by_high * b, by_low, by_high]


@pytest.mark.parametrize("case", CASES)
def test_draws_carry_the_implicit_gradient(case: Case) -> None:
    leaves = [torch.tensor(p, dtype=torch.float64).requires_grad_() for p in case]
    d = of(leaves)
    x = d.rsample((40,))
    with torch.no_grad():
        wanted = implicit_slopes(d, x)
    found = [torch.stack(row) for row in zip(*(torch.autograd.grad(v, leaves, retain_graph=True) for v in x), strict=True)]
    # What is written out above subtracts numbers of the size of the distance to the mean, and x has sixteen digits.
    cancelled = (
        1e-12 * (1 + (exact(case).mean - case[0]) ** 2 / case[1] ** 2) + 1e-15 * abs(exact(case).mean) / exact(case).std
    )
    for slope, want in zip(found, wanted, strict=True):
        torch.testing.assert_close(slope, want, rtol=1e-8, atol=cancelled)


@pytest.mark.parametrize("case", [c for c in CASES if c[1] < 1e3 and c[0] > -1e3 and c[3] - c[2] > 1e-3])
def test_derivatives_are_those_of_finite_differences(case: Case) -> None:
    parameters = [torch.tensor(p, dtype=torch.float64) for p in case]
    free = [p.requires_grad_() for p in parameters if p.isfinite()]
    u = U[1:-1].clone().requires_grad_()
    x = at(case).icdf(U[2:-2]).requires_grad_()

    def moved(*tensors: Tensor) -> TruncatedNormal:
        values = iter(tensors)
        return of(next(values) if p.isfinite() else p for p in parameters)

    assert torch.autograd.gradcheck(lambda u, *p: moved(*p).icdf(u), (u, *free), atol=1e-4)
    assert torch.autograd.gradcheck(lambda x, *p: moved(*p).cdf(x), (x, *free), atol=1e-4)
    assert torch.autograd.gradcheck(lambda x, *p: moved(*p).log_prob(x), (x, *free), atol=1e-4)
    for moment in ("mean", "variance"):
        assert torch.autograd.gradcheck(lambda *p, m=moment: getattr(moved(*p), m), free)
    assert torch.autograd.gradcheck(lambda *p: moved(*p).entropy(), free)


def test_both_ways_agree_where_the_tail_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    case = (0.0, 1.0, 8.5, 11.0)
    x = at(case).icdf(U)
    deep = (x, at(case).cdf(x), at(case).log_prob(x))
    monkeypatch.setattr(normal_interval, "DEEP", 9.0)
    plain = (at(case).icdf(U), at(case).cdf(x), at(case).log_prob(x))
    torch.testing.assert_close(deep, plain, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("middle", [0.0, 2.5, -4.0, 20.0])
def test_both_ways_agree_where_the_polynomials_take_over(middle: float) -> None:
    """Lengths on either side of the limit, in float32, against float64, whose own limit is a thousand times lower."""
    limit = torch.finfo(torch.float32).eps ** (1 / 4) / (1 + abs(middle))
    for length, digits in ((0.9 * limit, 3e-6), (1.1 * limit, 3e-4)):
        low = torch.tensor(-length / 2)
        parameters = [torch.tensor(-middle), torch.tensor(1.0), low, low + length]
        d, wide = of(parameters), of(p.double() for p in parameters)
        assert bool(d._interval().narrow) == (length < limit)
        assert not bool(wide._interval().narrow)
        u = torch.linspace(0.01, 0.99, 50)
        torch.testing.assert_close(d.icdf(u), wide.icdf(u.double()).float(), rtol=0, atol=digits * length)
        x = d.icdf(u)
        torch.testing.assert_close(d.cdf(x), u, rtol=0, atol=digits)
        torch.testing.assert_close(d.log_prob(x), wide.log_prob(x.double()).float(), rtol=0, atol=digits)


def test_rounding_never_carries_a_quantile_past_an_end() -> None:
    loc, low, length = torch.randn(3, 5_000) * torch.tensor([[1.0], [5.0], [3.0]])
    scale, high = torch.rand(5_000) * 3 + 0.1, low + length.abs() + 1e-3
    d = TruncatedNormal(loc, scale, low, high)
    x = d.icdf(torch.tensor([0.0, 1e-7, 1 - 6e-8, 1.0]).unsqueeze(-1))
    assert bool(((x >= low) & (x <= high)).all())


def test_without_ends_it_is_the_normal_and_with_one_at_its_mean_half_of_it() -> None:
    x = torch.linspace(0.1, 5.0, 20).double()
    scale = torch.tensor(1.7).double()
    whole, half = TruncatedNormal(0.0, scale), TruncatedNormal(0.0, scale, low=0.0)
    for ours, theirs in ((whole, Normal(torch.zeros(()).double(), scale)), (half, HalfNormal(scale))):
        torch.testing.assert_close(ours.log_prob(x), theirs.log_prob(x))
        torch.testing.assert_close(ours.cdf(x), theirs.cdf(x))
        torch.testing.assert_close(ours.mean, theirs.mean)
        torch.testing.assert_close(ours.variance, theirs.variance)
        torch.testing.assert_close(ours.entropy(), theirs.entropy())


def test_an_end_at_infinity_gets_a_gradient_of_zero() -> None:
    rows = torch.tensor([(0.0, 1.0, -INF, INF), (0.0, 1.0, 30.0, INF), (3.0, 1.0, -INF, -40.0), (0.0, 1e6, -1.0, 1.0)])
    leaves = [p.clone().requires_grad_() for p in rows.T]
    d = of(leaves)
    x = d.rsample((500,))
    for value in (x, d.log_prob(x.detach()), d.cdf(x.detach()), d.icdf(torch.tensor(0.3)), d.mean, d.variance, d.entropy()):
        slopes = torch.autograd.grad(value.sum(), leaves, retain_graph=True)
        assert all(bool(slope.isfinite().all()) for slope in slopes)
        for slope, parameter in zip(slopes, leaves, strict=True):
            assert bool((slope[parameter.isinf()] == 0).all())


def test_rows_of_all_kinds_do_not_disturb_each_other() -> None:
    together = of(torch.tensor(CASES, dtype=torch.float64).T)
    x = together.icdf(U.unsqueeze(-1))
    for i, case in enumerate(CASES):
        alone = at(case)
        torch.testing.assert_close(x[:, i], alone.icdf(U), rtol=0, atol=0)
        torch.testing.assert_close(together.log_prob(x)[:, i], alone.log_prob(x[:, i]), rtol=0, atol=0)
        torch.testing.assert_close(together.cdf(x)[:, i], alone.cdf(x[:, i]), rtol=0, atol=0)


def test_ends_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(SupportError, match="high must satisfy low < high; 1 of 2 do not"):
        TruncatedNormal(0.0, 1.0, torch.tensor([0.0, 1.0]), 1.0)
    with pytest.raises(SupportError, match="scale"):
        TruncatedNormal(0.0, 0.0)
