"""The von Mises-Fisher's constant and moments against Bessel functions, its draws and their gradients against both."""

import math
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from scipy.integrate import cumulative_simpson
from torch import Tensor
from torch.nn import functional as F

from helpers.chance import FALSE_ALARM, assert_mean_is
from latentia.core.errors import ShapeError, SupportError
from latentia.distributions.multivariate import HypersphericalUniform, VonMisesFisher, unit_vector
from latentia.distributions.multivariate import artanh_cosine as cosine
from latentia.distributions.multivariate.sphere import log_area

DIMS = [2, 3, 4, 5, 17, 64, 512]
KAPPAS = [0.0, 1e-3, 0.1, 1.0, 10.0, 100.0, 1e3, 1e5]


def wide(numbers: list[Any]) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def first_axis(dim: int, like: Tensor) -> Tensor:
    return torch.eye(dim, dtype=like.dtype)[0].expand(*like.shape, dim)


def at(dim: int, kappa: Tensor) -> VonMisesFisher:
    return VonMisesFisher(first_axis(dim, kappa), kappa)


def bessel_facts(dim: int, kappa: float) -> tuple[float, float, float]:
    """log of the integral of exp(kappa (cos - 1)) over the sphere, 1 - A, and the variance of the cosine, by mpmath."""
    if kappa == 0:
        return log_area(dim), 1.0, 1 / dim
    with mpmath.workdps(40):
        k, nu = mpmath.mpf(kappa), mpmath.mpf(dim) / 2 - 1
        bessel = mpmath.besseli(nu, k)
        ratio = mpmath.besseli(nu + 1, k) / bessel
        log_integral = (nu + 1) * mpmath.log(2 * mpmath.pi) - nu * mpmath.log(k) + mpmath.log(bessel) - k
        return float(log_integral), float(1 - ratio), float(1 - ratio * (dim - 1) / k - ratio**2)


@pytest.mark.parametrize("dim", DIMS)
def test_constant_and_moments_are_ratios_of_bessel_functions(dim: int) -> None:
    facts = wide([list(bessel_facts(dim, kappa)) for kappa in KAPPAS])
    log_integral, away, along = facts.unbind(-1)
    for dtype, tolerance, moments in ((torch.float64, 1e-10, 1e-9), (torch.float32, 1e-5, 3e-5)):
        kappa = wide(KAPPAS).to(dtype)
        q = at(dim, kappa)
        peak = -q.log_prob(q.loc).double()
        torch.testing.assert_close(peak, log_integral, rtol=tolerance, atol=tolerance)
        found_away, found_along = (each.double() for each in q._away_moments())
        torch.testing.assert_close(found_away, away, rtol=moments, atol=0)
        torch.testing.assert_close(found_along, along, rtol=moments, atol=0)
        torch.testing.assert_close(q.mean[:, 0].double(), 1 - away, rtol=moments, atol=10 * torch.finfo(dtype).eps)
        torch.testing.assert_close(q.variance.sum(-1).double(), 2 * away - away.square(), rtol=moments, atol=0)
        torch.testing.assert_close(q.entropy().double(), log_integral + wide(KAPPAS) * away, rtol=3 * tolerance, atol=1e-4)


def test_in_three_dimensions_density_and_entropy_have_elementary_forms() -> None:
    kappa = wide([0.3, 4.0, 80.0])
    loc = F.normalize(torch.randn(3, 3).double(), dim=-1)
    q, z = VonMisesFisher(loc, kappa), F.normalize(torch.randn(9, 3, 3).double(), dim=-1)
    log_constant = kappa.log() - math.log(2 * math.pi) - torch.log(-torch.expm1(-2 * kappa))
    torch.testing.assert_close(q.log_prob(z), log_constant + kappa * ((loc * z).sum(-1) - 1))
    resultant = 1 / torch.tanh(kappa) - 1 / kappa
    torch.testing.assert_close(q.entropy(), -log_constant + kappa * (1 - resultant))
    torch.testing.assert_close(q.mean, resultant.unsqueeze(-1) * loc)


def test_without_concentration_it_is_the_uniform() -> None:
    for dim in (2, 3, 7):
        q, u = at(dim, wide([0.0])), HypersphericalUniform(dim, (1,), torch.float64)
        z = u.sample((5,))
        torch.testing.assert_close(q.log_prob(z), u.log_prob(z))
        torch.testing.assert_close(q.entropy(), u.entropy())
        torch.testing.assert_close(q.variance, u.variance)
        torch.testing.assert_close(q.mean, u.mean, rtol=0, atol=1e-14)


@pytest.mark.parametrize("dim", [2, 3, 6])
def test_the_log_density_s_gradients_are_its_differences(dim: int) -> None:
    kappa, loc = wide([1e-3, 3.0, 40.0]).requires_grad_(), torch.randn(3, dim).double().requires_grad_()
    z = F.normalize(torch.randn(4, 3, dim).double(), dim=-1)

    def log_prob(kappa: Tensor, direction: Tensor) -> Tensor:
        return VonMisesFisher(F.normalize(direction, dim=-1), kappa).log_prob(z)

    assert torch.autograd.gradcheck(log_prob, (kappa, loc))
    raw = F.normalize(loc.detach(), dim=-1).requires_grad_()
    q = VonMisesFisher(raw, kappa.detach())
    for value in (q.log_prob(z), q.rsample()):
        (slope,) = torch.autograd.grad(value.sum(), raw)
        torch.testing.assert_close((slope * raw).sum(-1), torch.zeros_like(kappa), msg="a slope in loc leaves the sphere")
    moments = lambda k: torch.stack([at(dim, k).entropy(), at(dim, k).mean[:, 0], at(dim, k).variance[:, 0]])  # noqa: E731
    assert torch.autograd.gradcheck(moments, (kappa,))


def s_grid(dim: int, kappa: float, n: int = 40_001) -> tuple[np.ndarray, np.ndarray]:
    """A fine grid of s and the density there, by numpy and a sum: what the library's rules are held to."""
    mode = math.asinh(2 * kappa / (dim - 1)) / 2
    s = np.linspace(mode - 45 / (dim - 1) ** 0.5, mode + 45 / (dim - 1) ** 0.5, n)
    log_density = kappa * np.tanh(s) - (dim - 1) * np.logaddexp(s, -s)
    mass = np.exp(log_density - log_density.max())
    return s, mass / (mass.sum() * (s[1] - s[0]))


@pytest.mark.parametrize("dim", [2, 3, 4, 40])
@pytest.mark.parametrize("kappa", [0.0, 2.0, 300.0])
def test_draws_have_the_law_s_cosine(dim: int, kappa: float) -> None:
    """Kolmogorov-Smirnov of loc'z against a sum over a fine grid. False alarm: 1e-6 over the seed, by Massart's bound."""
    n = 20_000
    q = VonMisesFisher(F.normalize(torch.ones(dim).double(), dim=-1), kappa)
    z = q.sample((n,))
    assert bool(unit_vector.check(z).all())
    s = torch.arctanh((z * q.loc).sum(-1).clamp(-1 + 1e-15, 1 - 1e-15)).sort().values.numpy()
    grid, density = s_grid(dim, kappa)
    heights = np.interp(s, grid, np.cumsum(density) * (grid[1] - grid[0]))
    steps = np.arange(n + 1) / n
    furthest = max((steps[1:] - heights).max(), (heights - steps[:-1]).max())
    assert furthest < math.sqrt(math.log(2 / FALSE_ALARM) / (2 * n)) + 2e-3, "2e-3 for the grid's own steps"


@pytest.mark.parametrize("dim", [2, 3, 5])
def test_draws_have_the_mean_and_the_covariance(dim: int) -> None:
    """False alarm: 1e-6 over the seed."""
    q = VonMisesFisher(F.normalize(torch.randn(2, dim).double(), dim=-1), wide([1.0, 20.0]))
    z = q.sample((40_000,))
    assert_mean_is(z, q.mean, "mean")
    assert_mean_is((z - q.mean).square(), q.variance, "variance")
    off = z - q.mean
    share = q.loc.unsqueeze(-1) * q.loc.unsqueeze(-2)
    away, along = (each[:, None, None] for each in q._away_moments())
    across = (2 * away - away.square() - along) / (dim - 1)
    covariance = along * share + across * (torch.eye(dim).double() - share)
    assert_mean_is(off.unsqueeze(-1) * off.unsqueeze(-2), covariance, "covariance", size=float("inf"))


@pytest.mark.parametrize("dim", [2, 3, 5, 50])
@pytest.mark.parametrize("kappa", [0.5, 20.0, 2e3])
def test_a_draw_slides_with_the_concentration_as_its_quantile_does(dim: int, kappa: float) -> None:
    """-dF/dkappa over the density, F by a fine grid from the nearer end and differenced in kappa."""
    step = 1e-4 * kappa
    s, density = s_grid(dim, kappa)
    both = []
    for moved in (kappa - step, kappa + step):
        log_density = moved * np.tanh(s) - (dim - 1) * np.logaddexp(s, -s)
        mass = np.exp(log_density - log_density.max())
        both.append(mass / (mass.sum() * (s[1] - s[0])))
    change = (both[1] - both[0]) / (2 * step)
    left = cumulative_simpson(change, x=s, initial=0)
    right = cumulative_simpson(change[::-1], dx=s[1] - s[0], initial=0)[::-1]
    height = cumulative_simpson(density, x=s, initial=0)
    seen = (height > 1e-5) & (height < 1 - 1e-5)
    slope = np.where(height < 0.5, -left, right)[seen] / density[seen]
    found = cosine.slope_in_kappa(torch.from_numpy(s[seen]), wide([kappa]).squeeze(), dim)
    torch.testing.assert_close(found, torch.from_numpy(slope), rtol=2e-6, atol=0)
    short = cosine.slope_in_kappa(torch.from_numpy(s[seen]).float(), torch.tensor(kappa), dim)
    torch.testing.assert_close(short.double(), torch.from_numpy(slope), rtol=2e-3, atol=0)


def test_in_three_dimensions_the_slide_is_that_of_the_inverted_cosine() -> None:
    kappa = wide([0.05, 1.0, 30.0]).requires_grad_()
    v = torch.linspace(1e-6, 1 - 1e-6, 101).double().unsqueeze(-1)
    s = torch.arctanh(1 + torch.log1p(v * torch.expm1(-2 * kappa)) / kappa)
    for i in range(3):
        (want,) = torch.autograd.grad(s[:, i].sum(), kappa, retain_graph=True)
        found = cosine.slope_in_kappa(s.detach(), kappa.detach(), 3)[:, i].sum()
        torch.testing.assert_close(found, want[i], rtol=1e-6, atol=0)


@pytest.mark.parametrize("dim", [2, 3, 20])
def test_draws_carry_the_gradient_of_an_exponential_moment(dim: int) -> None:
    """E exp(b'z) is a ratio of two constants. False alarm: 1e-6 over the seed, for each number of dimensions."""
    n = 20_000
    b = 0.8 * F.normalize(torch.arange(1.0, dim + 1).double(), dim=-1)
    start = {"kappa": wide([0.6, 8.0]), "direction": torch.stack([torch.ones(dim), torch.linspace(-1, 1, dim)]).double()}

    def expectation(kappa: Tensor, direction: Tensor) -> Tensor:
        tilted = kappa.unsqueeze(-1) * F.normalize(direction, dim=-1) + b
        new = tilted.norm(dim=-1)
        return torch.exp(at(dim, kappa).log_prob(first_axis(dim, kappa)) - kappa + new) / torch.exp(
            at(dim, new).log_prob(first_axis(dim, new))
        )

    exact = {name: value.clone().requires_grad_() for name, value in start.items()}
    truth = torch.autograd.grad(expectation(**exact).sum(), list(exact.values()))
    copies = {name: value.expand(n, *value.shape).clone().requires_grad_() for name, value in start.items()}
    q = VonMisesFisher(F.normalize(copies["direction"], dim=-1), copies["kappa"])
    value = torch.exp((q.rsample() * b).sum(-1))
    assert_mean_is(value.detach(), expectation(**start), "the moment itself")
    found = torch.autograd.grad(value.sum(), list(copies.values()))
    for name, slopes, want in zip(start, found, truth, strict=True):
        assert_mean_is(slopes, want, f"slope in {name}")


def test_a_gradient_at_no_concentration_is_the_limit() -> None:
    """d E[z] / d kappa at 0 is loc / D, without fail. False alarm: 1e-6 over the seed."""
    n = 20_000
    for dim in (2, 3, 4):
        kappa = torch.zeros(n).double().requires_grad_()
        (slopes,) = torch.autograd.grad(at(dim, kappa).rsample()[:, 0].sum(), kappa)
        assert_mean_is(slopes, wide([1 / dim]).squeeze(), f"{dim} dimensions")


@pytest.mark.parametrize("dim", [2, 3, 8, 512])
def test_float32_is_finite_from_no_concentration_to_any(dim: int) -> None:
    kappa = torch.tensor([0.0, 1e-30, 1e-6, 1e4, 1e7, 1e15], requires_grad=True)
    loc = F.normalize(torch.randn(6, dim), dim=-1).requires_grad_()
    q = VonMisesFisher(loc, kappa)
    z = q.rsample((500,))
    assert bool(unit_vector.check(z).all())
    log_prob = q.log_prob(z.detach())
    for value in (log_prob, z, q.entropy(), q.variance):
        assert bool(value.isfinite().all())
        for slope in torch.autograd.grad(value.sum(), (loc, kappa), allow_unused=True, retain_graph=True):
            assert slope is None or bool(slope.isfinite().all())


def test_float32_log_densities_of_draws_keep_their_digits() -> None:
    kappa = torch.tensor([1e4, 1e6])
    q = VonMisesFisher(F.normalize(torch.randn(2, 20), dim=-1), kappa)
    z = q.sample((200,))
    double = VonMisesFisher(F.normalize(q.loc.double(), dim=-1), kappa.double())
    want = double.log_prob(F.normalize(z.double(), dim=-1))
    torch.testing.assert_close(q.log_prob(z).double(), want, rtol=0, atol=0.02)


def test_noise_along_the_axis_or_none_at_all_still_gives_a_direction(monkeypatch: pytest.MonkeyPatch) -> None:
    axis = F.normalize(torch.tensor([[1.0, 2.0], [0.0, 1.0]]), dim=-1)
    for along in (0.0, 3.0):
        monkeypatch.setattr(torch, "randn", lambda shape, along=along, **_: along * axis.expand(shape))
        across = VonMisesFisher._across((7, 2, 2), axis)
        torch.testing.assert_close((across * axis).sum(-1), torch.zeros(7, 2), rtol=0, atol=1e-6)
        torch.testing.assert_close(across.norm(dim=-1), torch.ones(7, 2))
        assert bool(unit_vector.check(HypersphericalUniform(2, (2,)).sample((7,))).all())


def test_gradients_that_nobody_wants_are_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cosine, "slope_in_kappa", lambda *_: pytest.fail("the slope was computed"))
    kappa = torch.tensor([3.0], requires_grad=True)
    at(4, kappa).sample()
    assert at(4, kappa.detach()).rsample().grad_fn is None


@pytest.mark.parametrize("dim", [1, 2, 3, 10])
def test_the_uniform_prefers_no_direction(dim: int) -> None:
    """Moments up to the fourth. False alarm: 1e-6 over the seed, for each number of dimensions."""
    u = HypersphericalUniform(dim, (2,), torch.float64)
    z = u.sample((40_000,))
    assert bool(u.support.check(z).all())
    squares = z.square()
    assert_mean_is(z, u.mean, "mean", size=1.0, false_alarm=FALSE_ALARM / 3)
    assert_mean_is(squares, u.variance, "variance", false_alarm=FALSE_ALARM / 3)
    fourth = torch.full((2, dim), 3 / (dim * (dim + 2))).double()
    assert_mean_is(squares.square(), fourth, "fourth moment", false_alarm=FALSE_ALARM / 3)
    area = {1: 2.0, 2: 2 * math.pi, 3: 4 * math.pi, 10: math.pi**5 / 12}[dim]
    torch.testing.assert_close(u.entropy(), torch.full((2,), math.log(area)).double())
    torch.testing.assert_close(u.log_prob(z), torch.full((40_000, 2), -math.log(area)).double())


def test_beside_the_sphere_there_is_no_density() -> None:
    beside = torch.tensor([[0.6, 0.9, 0.0]], requires_grad=True)
    for d in (
        HypersphericalUniform(3, validate_args=True),
        VonMisesFisher(torch.tensor([0.0, 0.0, 1.0]), 2.0, validate_args=True),
    ):
        with pytest.raises(SupportError, match="UnitVector"):
            d.log_prob(beside)
        open_minded = d.expand((1,))
        open_minded._validate_args = False
        log_prob = open_minded.log_prob(beside)
        assert log_prob.tolist() == [-math.inf]
        if log_prob.requires_grad:
            assert bool(torch.autograd.grad(log_prob.sum(), beside)[0].isfinite().all())


def test_a_unit_vector_is_one_to_half_the_digits_of_its_dtype() -> None:
    for dtype, good, bad in ((torch.float32, 1e-4, 1e-3), (torch.float64, 1e-9, 1e-7)):
        base = torch.tensor([0.6, -0.8], dtype=dtype)
        assert bool(unit_vector.check(base * (1 + good)))
        assert not bool(unit_vector.check(base * (1 + bad)))
    assert not bool(unit_vector.check(torch.tensor([math.nan, 1.0])))


def test_what_cannot_be_a_direction_is_refused() -> None:
    with pytest.raises(ShapeError, match="loc is of type list"):
        VonMisesFisher([1.0, 0.0, 0.0], 1.0)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ShapeError, match="at least 2"):
        VonMisesFisher(torch.ones(1), 1.0)
    with pytest.raises(SupportError, match="UnitVector"):
        VonMisesFisher(torch.ones(3), 1.0, validate_args=True)
    with pytest.raises(SupportError, match="concentration"):
        VonMisesFisher(torch.eye(3), -torch.ones(3), validate_args=True)
