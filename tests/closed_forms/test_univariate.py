"""Distributions of one number against SciPy, mpmath and their own definitions, in float64 unless said otherwise."""

import math
from collections.abc import Callable
from typing import Any

import mpmath
import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.distributions import Distribution
from torch.distributions.relaxed_bernoulli import LogitRelaxedBernoulli as TorchLogitRelaxedBernoulli

from latentia.core.errors import ShapeError, SupportError
from latentia.distributions.entry import Entry, How
from latentia.distributions.from_torch import TEMPERATURE, TORCH
from latentia.distributions.univariate import (
    UNIVARIATE,
    Delta,
    Erlang,
    Gompertz,
    Logistic,
    LogitRelaxedBernoulli,
    Rayleigh,
    Reciprocal,
    Triangular,
)

U = torch.tensor([1e-9, 1e-3, 0.1, 0.37, 0.5, 0.8, 0.99, 1 - 1e-6], dtype=torch.float64)


def wide(make: Callable[..., Distribution], *values: float) -> Distribution:
    return make(*(torch.tensor(v, dtype=torch.float64) for v in values))


PAIRS: list[tuple[Distribution, Any]] = [
    (wide(Logistic, 0.3, 2.0), stats.logistic(0.3, 2.0)),
    (wide(Logistic, -40.0, 1e-3), stats.logistic(-40.0, 1e-3)),
    (wide(Rayleigh, 0.7), stats.rayleigh(scale=0.7)),
    (wide(Rayleigh, 1e5), stats.rayleigh(scale=1e5)),
    (wide(Reciprocal, 0.5, 2.0), stats.loguniform(0.5, 2.0)),
    (wide(Reciprocal, 1e-4, 1e4), stats.loguniform(1e-4, 1e4)),
    (wide(Gompertz, 0.5, 2.0), stats.gompertz(0.5, scale=0.5)),
    (wide(Gompertz, 8.0, 0.1), stats.gompertz(8.0, scale=10.0)),
    (wide(Erlang, 1.0, 2.0), stats.erlang(1, scale=0.5)),
    (wide(Erlang, 4.0, 0.3), stats.erlang(4, scale=1 / 0.3)),
    (wide(Erlang, 250.0, 7.0), stats.erlang(250, scale=1 / 7.0)),
    (wide(Triangular, -1.0, 0.5, 2.0), stats.triang(0.5, -1.0, 3.0)),
    (wide(Triangular, -1.0, -1.0, 2.0), stats.triang(0.0, -1.0, 3.0)),
    (wide(Triangular, -1.0, 2.0, 2.0), stats.triang(1.0, -1.0, 3.0)),
]
each_pair = pytest.mark.parametrize(
    ("ours", "theirs"), PAIRS, ids=[f"{type(d).__name__}-{i}" for i, (d, _) in enumerate(PAIRS)]
)


def close(found: Tensor, wanted: Any, rtol: float = 1e-10) -> None:
    torch.testing.assert_close(found, torch.as_tensor(wanted, dtype=found.dtype), rtol=rtol, atol=rtol)


@each_pair
def test_density_and_cumulated_mass_are_scipy_s(ours: Distribution, theirs: Any) -> None:
    x = torch.from_numpy(theirs.ppf(U.numpy()))
    close(ours.log_prob(x), theirs.logpdf(x.numpy()))
    close(ours.cdf(x), theirs.cdf(x.numpy()))


@each_pair
def test_moments_mode_and_entropy_are_scipy_s(ours: Distribution, theirs: Any) -> None:
    close(ours.mean, theirs.mean())
    close(ours.variance, theirs.var(), rtol=1e-8)  # SciPy integrates some; the precise oracles are below
    close(ours.entropy(), theirs.entropy(), rtol=1e-9)
    around = torch.from_numpy(theirs.ppf(torch.linspace(1e-6, 1 - 1e-6, 5_001, dtype=torch.float64).numpy()))
    assert bool((ours.log_prob(ours.mode) >= ours.log_prob(around) - 1e-12).all())


@each_pair
def test_quantiles_undo_the_cumulated_mass(ours: Distribution, theirs: Any) -> None:
    if isinstance(ours, Erlang):
        with pytest.raises(NotImplementedError):
            ours.icdf(U)
        return
    x = ours.icdf(U)
    torch.testing.assert_close(x, torch.from_numpy(theirs.ppf(U.numpy())), rtol=1e-8, atol=0)
    close(ours.cdf(x), U)
    torch.testing.assert_close(ours.icdf(ours.cdf(x[1:-1])), x[1:-1], rtol=1e-10, atol=0)


@pytest.mark.parametrize("shape", [1e-6, 1e-3, 0.04, 1.0, 30.0, 1e3, 1e6])
def test_gompertz_moments_are_exact_from_tiny_to_huge_shapes(shape: float) -> None:
    s, rate = mpmath.mpf(shape), 0.25
    places = [0, s / 100, s, 100 * s, 1, 5, 20, 120] if shape < 1e-2 else [0, 0.1, 1, 5, 20, 120]
    powers: list[Any] = [mpmath.quad(lambda t, p=p: mpmath.exp(-t) * mpmath.log1p(t / s) ** p, places) for p in (1, 2)]
    mean, square = powers
    variance = square - mean**2
    d = wide(Gompertz, shape, rate)
    close(d.mean, float(mean / rate), rtol=1e-11)
    close(d.variance, float(variance / rate**2), rtol=1e-9 if shape < 1e-5 else 1e-10)
    close(d.entropy(), float(1 - mpmath.log(s * rate) - mean), rtol=1e-11)
    narrow = Gompertz(torch.tensor(shape), torch.tensor(rate))
    torch.testing.assert_close(narrow.variance, d.variance.float(), rtol=1e-5, atol=0)


@pytest.mark.parametrize("ratio", [1e-9, 1e-3, 1.6, 1.8, 50.0, 1e8])
def test_reciprocal_moments_keep_their_digits_where_the_ends_are_near(ratio: float) -> None:
    low, high = torch.tensor([math.pi, math.pi * (1 + ratio)], dtype=torch.float64)
    a, b = mpmath.mpf(float(low)), mpmath.mpf(float(high))
    with mpmath.workdps(60):
        length = mpmath.log(b / a)
        mean = (b - a) / length
        variance = (b**2 - a**2) / (2 * length) - mean**2
        entropy = mpmath.log(a * b) / 2 + mpmath.log(length)
    d = Reciprocal(low, high)
    close(d.mean, float(mean), rtol=1e-13)
    assert float(d.variance) == pytest.approx(float(variance), rel=1e-12)
    close(d.entropy(), float(entropy), rtol=1e-13)
    close(d.cdf(d.icdf(U)), U, rtol=1e-6 if ratio < 1e-6 else 1e-11)  # 1e-16 of rounding in a length of 3e-9


def test_reciprocal_reaches_over_every_float32() -> None:
    d = Reciprocal(torch.tensor(1e-30), torch.tensor(1e30))
    torch.testing.assert_close(d.log_prob(torch.tensor(1.0)), torch.tensor(60.0).mul(torch.tensor(10.0).log()).log().neg())
    assert bool(d.sample((1_000,)).isfinite().all())


@pytest.mark.parametrize("peak", [-1.0, 2.0])
def test_a_triangle_with_its_peak_at_an_end_has_finite_gradients(peak: float) -> None:
    leaves = [torch.tensor(p, dtype=torch.float64).requires_grad_() for p in (-1.0, peak, 2.0)]
    low, at, high = leaves
    d = Triangular(low, at, high)
    x = d.rsample((10_000,))
    for value in (x, d.log_prob(x.detach()), d.cdf(x.detach()), d.variance, d.entropy()):
        for slope in torch.autograd.grad(value.sum(), leaves, retain_graph=True, allow_unused=True):
            assert slope is None or bool(slope.isfinite())
    assert float(d.log_prob(d.peak.detach()).detach()) == pytest.approx(float(torch.tensor(2 / 3).log()))


def test_triangular_draws_stay_off_the_ends() -> None:
    """Near 1e4 float32 has thirty values between these ends, and a density of zero on two of them."""
    d = Triangular(torch.tensor(1e4), torch.tensor(10000.015), torch.tensor(10000.03))
    x = d.sample((20_000,))
    assert bool(((x > d.low) & (x < d.high)).all())
    assert bool(d.log_prob(x).isfinite().all())


OUTSIDE = {
    "rayleigh": [-1.0, 0.0],
    "reciprocal": [0.1, -1.0, 9.0],
    "gompertz": [-1.0],
    "erlang": [-1.0, 0.0],
    "triangular": [-3.0, -1.0, 3.0, 7.0],
    "truncated-normal": [-3.0, 7.0],
    "continuous-bernoulli": [-0.5, 1.5],
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_outside_the_support_the_density_is_zero_and_its_gradient_no_nan(name: str) -> None:
    entry = UNIVARIATE[name]
    leaves = {n: p.requires_grad_() for n, p in entry.parameters(dtype=torch.float64).items()}
    d = entry.make(**leaves, validate_args=False)
    x = torch.tensor(OUTSIDE[name], dtype=torch.float64).unsqueeze(-1).requires_grad_()
    log_density = d.log_prob(x)
    assert bool((log_density == -torch.inf).all())
    inside = d.log_prob(d.sample())
    for slope in torch.autograd.grad(inside.sum() + log_density.exp().sum(), [*leaves.values(), x], allow_unused=True):
        assert slope is None or not bool(slope.isnan().any())
    with pytest.raises(SupportError, match="a value must satisfy"):
        entry.example(dtype=torch.float64).log_prob(torch.full((), -5.0, dtype=torch.float64))


@pytest.mark.parametrize("name", OUTSIDE)
def test_cumulated_mass_is_flat_outside_the_support(name: str) -> None:
    d = UNIVARIATE[name].example(dtype=torch.float64)
    assert bool((d.cdf(torch.tensor(-1e3).double()) == 0).all())
    close(d.cdf(torch.tensor(1e3).double()), torch.ones(d.batch_shape))


REFUSED: list[tuple[Callable[[], Distribution], str]] = [
    (lambda: Reciprocal(2.0, 1.0), "high must satisfy low < high"),
    (lambda: Reciprocal(1.0, 1.0), "high must satisfy low < high"),
    (lambda: Reciprocal(-1.0, 1.0), "low must satisfy GreaterThan"),
    (lambda: Triangular(0.0, 1.5, 1.0), "peak must satisfy low <= peak <= high"),
    (lambda: Triangular(0.0, float("nan"), 1.0), "peak must satisfy"),
    (lambda: Triangular(1.0, 1.0, 1.0), "high must satisfy low < high"),
    (lambda: Erlang(2.5, 1.0), "shape must satisfy"),
    (lambda: Erlang(0.0, 1.0), "shape must satisfy"),
    (lambda: Gompertz(torch.tensor([1.0, -1.0]), 1.0), r"shape must satisfy .* the first at \[1\]"),
    (lambda: Rayleigh(float("nan")), "scale must satisfy"),
    (lambda: Delta(float("nan")), "loc must satisfy"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_impossible_parameters_are_refused_by_name(make: Callable[[], Distribution], message: str) -> None:
    with pytest.raises(SupportError, match=message):
        make()


def test_a_point_mass_is_where_it_is_and_nowhere_else() -> None:
    loc = torch.tensor([[0.5, -1.0], [2.0, 3.0]]).requires_grad_()
    d = Delta(loc, torch.tensor([0.0, 0.7]), event_dim=1)
    assert (d.batch_shape, d.event_shape) == ((2,), (2,))
    x = d.rsample((5,))
    assert x.shape == (5, 2, 2)
    torch.testing.assert_close(torch.autograd.grad(x.sum(), loc)[0], torch.full((2, 2), 5.0))
    torch.testing.assert_close(d.log_prob(x.detach()), torch.tensor([0.0, 0.7]).expand(5, 2))
    near = loc.detach() + torch.tensor([0.0, 1e-6])
    assert d.log_prob(near).tolist() == [-torch.inf, -torch.inf]
    torch.testing.assert_close(d.entropy(), -d.log_prob(d.mean))
    assert d.variance.eq(0).all()
    more = d.expand((3, 2))
    assert (more.batch_shape, more.event_shape, more.sample().shape) == ((3, 2), (2,), (3, 2, 2))
    with pytest.raises(ShapeError):
        d.log_prob(torch.zeros(3))


def test_a_point_mass_takes_a_density_for_every_row_or_one_for_all() -> None:
    assert Delta(1.0).log_prob(torch.tensor([1.0, 2.0])).tolist() == [0.0, -torch.inf]
    assert Delta(torch.zeros(4), 0.5).entropy().tolist() == [-0.5] * 4
    density = torch.tensor(0.3).requires_grad_()
    Delta(torch.zeros(2), density).log_prob(torch.tensor([0.0, 1.0]))[0].backward()
    torch.testing.assert_close(density.grad, torch.tensor(1.0))


ROWS: dict[str, Entry] = {**UNIVARIATE, **TORCH}


@pytest.mark.parametrize("name", ROWS)
def test_float32_survives_what_a_network_may_ask_for(name: str) -> None:
    entry = ROWS[name]
    leaves = {n: p.requires_grad_() for n, p in entry.parameters("extreme", torch.float32).items()}
    d = entry.make(**leaves)
    z = d.rsample((20_000,))
    assert bool(z.isfinite().all())
    assert bool(d.support.check(z.detach()).all())  # pyright: ignore[reportOptionalMemberAccess]  each has one
    log_density = d.log_prob(z.detach())
    assert bool(log_density.isfinite().all())
    for value in (z, log_density):
        for slope in torch.autograd.grad(value.sum(), list(leaves.values()), allow_unused=True, retain_graph=True):
            assert slope is None or bool(slope.isfinite().all())


@pytest.mark.parametrize("name", UNIVARIATE)
def test_stated_moments_are_finite_with_their_gradients_at_the_ends(name: str) -> None:
    leaves = {n: p.requires_grad_() for n, p in UNIVARIATE[name].parameters("extreme", torch.float32).items()}
    d = UNIVARIATE[name].make(**leaves)
    for value in (d.mean, d.variance, d.mode, d.entropy()):
        assert bool(value.isfinite().all())
        if value.requires_grad:
            for slope in torch.autograd.grad(value.sum(), list(leaves.values()), allow_unused=True, retain_graph=True):
                assert slope is None or bool(slope.isfinite().all())


@pytest.mark.parametrize("name", [n for n in UNIVARIATE if n not in ("delta", "erlang", "mean-beta")])
def test_derivatives_are_those_of_finite_differences(name: str) -> None:
    entry = UNIVARIATE[name]
    names, leaves = zip(*entry.parameters(dtype=torch.float64).items(), strict=True)
    leaves = [p.requires_grad_() for p in leaves]
    u = torch.tensor([0.05, 0.45, 0.9], dtype=torch.float64).unsqueeze(-1).repeat(1, len(leaves[0])).requires_grad_()
    x = entry.example(dtype=torch.float64).icdf(u.detach()).requires_grad_()

    def at(*tensors: Tensor) -> Distribution:
        return entry.make(**dict(zip(names, tensors, strict=True)), validate_args=False)

    checks: list[Callable[..., Tensor]] = [
        lambda *p: at(*p).mean,
        lambda *p: at(*p).variance,
        lambda *p: at(*p).entropy(),
    ]
    assert all(torch.autograd.gradcheck(check, leaves) for check in checks)
    assert torch.autograd.gradcheck(lambda u, *p: at(*p).icdf(u), (u, *leaves))
    assert torch.autograd.gradcheck(lambda x, *p: at(*p).cdf(x), (x, *leaves))
    assert torch.autograd.gradcheck(lambda x, *p: at(*p).log_prob(x), (x, *leaves))


def test_torch_s_rows_say_how_torch_draws() -> None:
    assert TORCH["normal"].how is How.LOCATION_SCALE
    assert "standard deviation" in TORCH["normal"].source
    implicit = {name for name, entry in TORCH.items() if entry.how is How.IMPLICIT}
    assert implicit == {"gamma", "beta", "dirichlet", "chi2"}
    d: Any = TORCH["relaxed-one-hot-categorical"].example(dtype=torch.float64)
    assert float(d.temperature) == TEMPERATURE
    assert d.log_prob(d.sample()).dtype == torch.float64


def test_the_relaxed_coin_is_torch_s_where_torch_has_one() -> None:
    temperature, logits = torch.tensor(0.7).double(), torch.tensor([-3.0, 0.5, 2.0]).double()
    ours, theirs = LogitRelaxedBernoulli(temperature, logits), TorchLogitRelaxedBernoulli(temperature, logits=logits)
    value = torch.linspace(-9, 9, 37).double().unsqueeze(-1)
    torch.testing.assert_close(ours.log_prob(value), theirs.log_prob(value))
    torch.testing.assert_close(1 - ours.cdf(torch.zeros(()).double()), ours.probs)
