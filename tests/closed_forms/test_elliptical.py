"""Elliptical distributions against SciPy's and torch's own members of the family, and against integrals over the radius."""

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import Tensor
from torch.distributions import Laplace, MultivariateNormal, Normal, StudentT

from helpers.chance import FALSE_ALARM, assert_mean_is
from latentia.core.errors import ShapeError, SupportError
from latentia.distributions.multivariate import (
    Elliptical,
    LaplaceRadius,
    NormalRadius,
    Radial,
    StudentTRadius,
    elliptical_laplace,
    elliptical_normal,
    elliptical_student_t,
)
from latentia.distributions.multivariate.radial import _digamma_step, _log_gamma_step

DF = 7.0
MAKERS = {
    "normal": elliptical_normal,
    "student-t": lambda loc, tril: elliptical_student_t(loc, tril, DF),
    "laplace": elliptical_laplace,
}
# r^2 of the standard case in D dimensions, and its radial distribution function.
RADIUS_CDF: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "normal": lambda r, d: stats.chi(d).cdf(r),
    "student-t": lambda r, d: stats.f(d, DF).cdf(r**2 / d),
    "laplace": lambda r, d: stats.gamma(d).cdf(r),
}
every_law = pytest.mark.parametrize("law", MAKERS)


def shape(dim: int, batch: int = 2, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    loc = torch.randn(batch, dim, dtype=dtype)
    square = torch.randn(batch, dim, dim, dtype=dtype)
    # Off the diagonal by 1 / sqrt(D), so that a large factor stays well conditioned.
    tril = torch.tril(square, -1) / dim**0.5 + torch.diag_embed(0.5 + square.diagonal(dim1=-2, dim2=-1).abs())
    return loc, tril


def test_the_normal_is_torch_s() -> None:
    loc, tril = shape(4)
    ours, theirs = elliptical_normal(loc, tril), MultivariateNormal(loc, scale_tril=tril)
    z = 3 * torch.randn(6, 2, 4).double()
    torch.testing.assert_close(ours.log_prob(z), theirs.log_prob(z))
    torch.testing.assert_close(ours.entropy(), theirs.entropy())
    torch.testing.assert_close(ours.covariance_matrix, theirs.covariance_matrix)
    torch.testing.assert_close(ours.variance, theirs.variance)


@pytest.mark.parametrize("dim", [1, 3, 300])
def test_the_student_t_is_scipy_s(dim: int) -> None:
    loc, tril = shape(dim)
    df = torch.tensor([0.7, 33.0]).double()
    ours = elliptical_student_t(loc, tril, df)
    z = loc + 3 * torch.randn(6, 2, dim).double()
    for b in range(2):
        theirs: Any = stats.multivariate_t(*(loc[b].numpy(), (tril[b] @ tril[b].T).numpy(), float(df[b])))  # pyright: ignore[reportArgumentType]
        want = torch.from_numpy(np.atleast_1d(theirs.logpdf(z[:, b].numpy())))
        torch.testing.assert_close(ours.log_prob(z)[:, b], want, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(ours.entropy()[b], torch.tensor(theirs.entropy()), rtol=1e-9, atol=1e-9)


def test_the_student_t_has_the_moments_it_has() -> None:
    d = elliptical_student_t(torch.zeros(3, 1), torch.ones(3, 1, 1), torch.tensor([0.9, 1.5, 4.0]))
    theirs = StudentT(torch.tensor([0.9, 1.5, 4.0]))
    torch.testing.assert_close(d.mean.squeeze(-1), theirs.mean, equal_nan=True)
    torch.testing.assert_close(d.variance.squeeze(-1), theirs.variance, equal_nan=True)
    # What is left out of a sum leaves no trace in its gradient.
    df = torch.tensor([0.9, 1.5, 4.0], requires_grad=True)
    elliptical_student_t(torch.zeros(3, 1), torch.ones(3, 1, 1), df).variance[2].sum().backward()
    torch.testing.assert_close(df.grad, torch.tensor([0.0, 0.0, -0.5]))


def test_in_one_dimension_the_laws_are_the_univariate_ones() -> None:
    loc, tril = shape(1)
    z = 5 * torch.randn(7, 2, 1).double()
    wanted = {
        "normal": Normal(loc, tril[..., 0]),
        "student-t": StudentT(DF, loc, tril[..., 0]),
        "laplace": Laplace(loc, tril[..., 0]),
    }
    for law, theirs in wanted.items():
        ours = MAKERS[law](loc, tril)
        torch.testing.assert_close(ours.log_prob(z), theirs.log_prob(z).squeeze(-1))
        torch.testing.assert_close(ours.variance, theirs.variance)
        torch.testing.assert_close(ours.entropy(), theirs.entropy().squeeze(-1))


@every_law
@pytest.mark.parametrize("dim", [2, 5])
def test_mass_variance_and_entropy_are_those_of_an_integral_over_the_radius(law: str, dim: int) -> None:
    d = MAKERS[law](torch.zeros(dim).double(), torch.eye(dim).double())
    area = 2 * math.pi ** (dim / 2) / math.gamma(dim / 2)

    def average(f: Callable[[float, float], float]) -> float:
        def inside(log_r: float) -> float:
            r = math.exp(log_r)
            log_density = float(d.log_prob(r * torch.eye(dim)[0].double()))
            return area * r**dim * math.exp(log_density) * f(r, log_density)

        return integrate.quad(inside, -12, 12, limit=200, epsabs=1e-11, points=[0.0])[0]

    assert average(lambda *_: 1.0) == pytest.approx(1, abs=1e-8)
    assert average(lambda r, _: r * r / dim) == pytest.approx(float(d.variance[0]), rel=1e-7)
    assert average(lambda _, lp: -lp) == pytest.approx(float(d.entropy()), rel=1e-7)


@every_law
@pytest.mark.parametrize("dim", [1, 4])
def test_draws_have_the_law_s_radius_in_every_direction(law: str, dim: int) -> None:
    """False alarm: 1e-6 over the seed by Massart's bound for the radius, and as much for the directions."""
    n = 20_000
    loc, tril = shape(dim)
    z = MAKERS[law](loc, tril).sample((n,))
    for b in range(2):
        standard = torch.linalg.solve_triangular(tril[b], (z[:, b] - loc[b]).mT, upper=False).mT
        r = standard.norm(dim=-1)
        heights = np.sort(RADIUS_CDF[law](r.numpy(), dim))
        steps = np.arange(n + 1) / n
        furthest = max((steps[1:] - heights).max(), (heights - steps[:-1]).max())
        assert furthest < math.sqrt(math.log(4 / FALSE_ALARM) / (2 * n))
        direction = standard / r.unsqueeze(-1)
        products = direction.unsqueeze(-1) * direction.unsqueeze(-2)
        assert_mean_is(direction, torch.zeros(dim), "directions", size=1.0, false_alarm=FALSE_ALARM / 4)
        assert_mean_is(products.flatten(1), torch.eye(dim).flatten() / dim, "their products", false_alarm=FALSE_ALARM / 4)


def test_draws_carry_the_gradient_in_the_degrees_of_freedom() -> None:
    """False alarm: 1e-6 over the seed. Against differences of an integral over the radius in three dimensions."""
    n, dim, step = 100_000, 3, 1e-3
    df = torch.tensor([1.5, 6.0], dtype=torch.float64)

    def expectation(nu: float) -> float:
        law: Any = stats.f(dim, nu)
        return integrate.quad(lambda q: law.pdf(q) * math.exp(-dim * q / 2), 0, np.inf, epsabs=1e-12)[0]

    truth = [(expectation(nu + step) - expectation(nu - step)) / (2 * step) for nu in df.tolist()]
    copies = df.expand(n, 2).clone().requires_grad_()
    d = elliptical_student_t(torch.zeros(dim).double(), torch.eye(dim).double(), copies)
    torch.exp(-d.rsample().square().sum(-1) / 2).sum().backward()
    assert copies.grad is not None
    assert_mean_is(copies.grad, torch.tensor(truth), "slope in df")


def test_a_draw_moves_with_its_location_and_its_factor() -> None:
    loc, tril = (each.requires_grad_() for each in shape(3))
    for maker in MAKERS.values():
        d = maker(loc, tril)
        z = d.rsample()
        slope = torch.randn(2, 3).double()
        for_loc, for_tril = torch.autograd.grad((slope * z).sum(), (loc, tril))
        standard = torch.linalg.solve_triangular(tril, (z - loc).unsqueeze(-1), upper=False).squeeze(-1)
        torch.testing.assert_close(for_loc, slope)
        torch.testing.assert_close(for_tril, slope.unsqueeze(-1) * standard.detach().unsqueeze(-2))


@pytest.mark.parametrize("half_dim", [0.5, 1.0, 40.0])
def test_steps_of_log_gamma_keep_their_digits(half_dim: float) -> None:
    a = torch.tensor([0.3, 4.0, 15.9, 16.1, 900.0, 5e5], dtype=torch.float64)
    wide_log = torch.from_numpy(
        np.array([float(_by_mpmath("loggamma", x, half_dim)) - half_dim * math.log(x) for x in a.tolist()])
    )
    wide_psi = torch.tensor([float(_by_mpmath("digamma", x, half_dim)) for x in a.tolist()], dtype=torch.float64)
    torch.testing.assert_close(_log_gamma_step(a, half_dim), wide_log, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(_digamma_step(a, half_dim), wide_psi, rtol=1e-10, atol=1e-15)
    short = a.float().requires_grad_()
    torch.testing.assert_close(_log_gamma_step(short, half_dim).double(), wide_log, rtol=2e-6, atol=2e-5)
    (slope,) = torch.autograd.grad(_log_gamma_step(short, half_dim).sum(), short)
    assert bool(slope.isfinite().all())


def _by_mpmath(name: str, a: float, b: float) -> float:
    with mpmath.workdps(40):
        f = getattr(mpmath, name)
        return f(mpmath.mpf(a) + b) - f(mpmath.mpf(a))


def test_in_float32_a_student_t_with_many_degrees_is_a_normal() -> None:
    loc, tril = shape(6, dtype=torch.float32)
    z = loc + torch.randn(9, 2, 6)
    normal = elliptical_normal(loc, tril)
    for df in (1e6, 1e8, 1e12):
        t = elliptical_student_t(loc, tril, df)
        torch.testing.assert_close(t.log_prob(z), normal.log_prob(z), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(t.entropy(), normal.entropy(), rtol=1e-4, atol=1e-4)


def test_at_its_peak_the_laplace_has_a_density_and_no_slope() -> None:
    loc = torch.zeros(2, 3, requires_grad=True)
    (slope,) = torch.autograd.grad(elliptical_laplace(loc, torch.eye(3)).log_prob(torch.zeros(2, 3)).sum(), loc)
    torch.testing.assert_close(slope, torch.zeros(2, 3))


@every_law
@pytest.mark.parametrize("dim", [1, 3])
def test_infinitely_far_there_is_no_density_and_at_nan_no_answer(law: str, dim: int) -> None:
    loc, tril = (each[0].requires_grad_() for each in shape(dim))
    inf, nan = math.inf, math.nan
    z = torch.tensor([[inf], [-inf], [nan], [1.0]]).double() * torch.eye(dim)[0] + torch.ones(dim)
    z[:3, 1:] = torch.tensor([0.0, inf][: dim - 1])
    d = MAKERS[law](loc, tril)
    for checked in (False, True):
        d._validate_args = checked
        seen = z[[0, 1, 3]] if checked else z
        log_prob = d.log_prob(seen)
        assert log_prob[:2].tolist() == [-inf, -inf]
        assert checked or bool(log_prob[2].isnan())
        slopes = torch.autograd.grad(d.log_prob(z[[0, 1, 3]]).sum(), (loc, tril))
        assert all(bool(slope.isfinite().all()) for slope in slopes)
    squared = torch.tensor([inf, nan]).double()
    assert d.radial.log_generator(squared, dim).isnan().tolist() == [False, True]


@pytest.mark.parametrize("law", [NormalRadius(), StudentTRadius(DF), LaplaceRadius()])
def test_of_nothing_there_are_no_densities(law: Radial) -> None:
    loc, tril = shape(2, batch=3)
    for rows, sizes in ((3, (0,)), (3, (4, 0)), (0, ()), (0, (5,))):
        d = Elliptical(loc[:rows], tril[:rows], law, validate_args=False)
        assert d.log_prob(torch.zeros(*sizes, rows, 2).double()).shape == (*sizes, rows)


def test_the_radial_law_s_parameters_broadcast_and_expand_with_the_rest() -> None:
    loc, tril = torch.zeros(2), torch.eye(2)
    d = elliptical_student_t(loc, tril, torch.tensor([3.0, 5.0, 9.0]))
    assert d.batch_shape == (3,)
    more = d.expand((4, 3))
    assert isinstance(more.radial, StudentTRadius)
    assert more.radial.df.shape == (4, 3)
    assert isinstance(d.radial, StudentTRadius)
    assert d.radial.df.shape == (3,)
    z = torch.randn(5, 4, 3, 2)
    torch.testing.assert_close(more.log_prob(z), d.log_prob(z))
    assert elliptical_student_t(loc.double(), tril.double(), 3.3).log_prob(torch.ones(2).double()).dtype == torch.float64


@every_law
def test_values_broadcast_against_the_batch(law: str) -> None:
    loc, tril = shape(3, batch=4)
    d = MAKERS[law](loc, tril)
    z = torch.randn(3).double()
    assert d.log_prob(z).shape == (4,)
    torch.testing.assert_close(d.log_prob(z), d.log_prob(z.expand(5, 4, 3))[2])
    few = z.expand(6, 1, 3) * torch.arange(6).reshape(6, 1, 1)
    torch.testing.assert_close(d.log_prob(few), d.log_prob(few.expand(6, 4, 3)))


def test_what_does_not_fit_is_refused() -> None:
    loc, tril = shape(3)
    with pytest.raises(ShapeError, match="scale_tril"):
        elliptical_normal(loc[:, :2], tril)
    with pytest.raises(ShapeError, match="scale_tril is of type float"):
        elliptical_normal(loc, 1.0)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ShapeError, match="df"):
        elliptical_student_t(loc, tril, torch.ones(5))
    with pytest.raises(ShapeError, match="broadcast"):
        elliptical_normal(loc, tril[[0, 1, 0]])
    with pytest.raises(SupportError, match="df must satisfy"):
        elliptical_student_t(loc, tril, torch.tensor([1.0, 0.0]), validate_args=True)
    with pytest.raises(SupportError, match="scale_tril"):
        Elliptical(loc, -tril, NormalRadius(), validate_args=True)
    Elliptical(loc, -tril, NormalRadius(), validate_args=False)
