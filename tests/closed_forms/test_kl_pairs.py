"""Every divergence that this library registers, against an integral of log q - log p over q."""

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from scipy.integrate import quad
from torch import Tensor
from torch.distributions import (
    Beta,
    Distribution,
    Gumbel,
    Independent,
    Kumaraswamy,
    Laplace,
    MultivariateNormal,
    Normal,
    StudentT,
    Uniform,
    kl_divergence,
)

from helpers.measure import Measure
from latentia.core.errors import NoClosedForm, ShapeError
from latentia.distributions import (
    DISTRIBUTIONS,
    Delta,
    Erlang,
    Gompertz,
    HypersphericalUniform,
    LinearGaussianChain,
    Logistic,
    Reciprocal,
    TruncatedNormal,
    VonMisesFisher,
    closed_kl,
    has_closed_kl,
)
from latentia.distributions.kl import PAIRS, Method

# These need more than a density over one or two numbers, or an integral that diverges; they have tests of their own.
ELSEWHERE = {(MultivariateNormal, Independent), (Independent, MultivariateNormal), (Delta, Distribution)}
ELSEWHERE |= {(LinearGaussianChain, LinearGaussianChain), (Logistic, Gumbel), (Laplace, Gumbel)}
HERE = [pytest.param(q, p, id=f"{q.__name__}-{p.__name__}") for q, p in PAIRS if (q, p) not in ELSEWHERE]


def examples(kind: type[Distribution]) -> Distribution:
    """Two rows of a distribution, from the table."""
    entry = next(e for e in DISTRIBUTIONS.values() if e.make is kind)
    rows = {n: v[:2] if isinstance(v, Tensor) else v for n, v in entry.parameters(dtype=torch.float64).items()}
    return entry.make(**rows)


def swapped(d: Distribution) -> Distribution:
    """The same two rows the other way round, so that a distribution does not only meet itself."""
    entry = next(e for e in DISTRIBUTIONS.values() if e.make is type(d))
    rows = {n: v[:2].flip(0) if isinstance(v, Tensor) else v for n, v in entry.parameters(dtype=torch.float64).items()}
    return entry.make(**rows)


def integral(q: Distribution, p: Distribution) -> Tensor:
    q._validate_args = p._validate_args = False
    measure = Measure(q)
    points, weights = measure.at(q)
    log_q = q.log_prob(points)
    mass = log_q.exp() * weights
    beyond = ((p.log_prob(points) == -torch.inf) & (mass > 1e-12)).any(0)
    return torch.where(beyond, torch.inf, measure.expect(q, lambda z: q.log_prob(z) - p.log_prob(z)))


@pytest.mark.parametrize(("kind_q", "kind_p"), HERE)
def test_it_is_the_integral(kind_q: type[Distribution], kind_p: type[Distribution]) -> None:
    q = examples(kind_q)
    for p in (examples(kind_p), swapped(examples(kind_p))):
        found = kl_divergence(q, p).double()
        assert found.shape == (2,)
        torch.testing.assert_close(found, integral(q, p), rtol=1e-6, atol=1e-6)
        assert bool((found >= -1e-9).all())


@pytest.mark.parametrize(("kind_q", "kind_p"), HERE)
def test_it_broadcasts(kind_q: type[Distribution], kind_p: type[Distribution]) -> None:
    q, p = examples(kind_q), swapped(examples(kind_p))
    wide = q.expand((3, 2))
    torch.testing.assert_close(kl_divergence(wide, p), kl_divergence(q, p).expand(3, 2))
    torch.testing.assert_close(kl_divergence(q.expand((1, 2)), p.expand((3, 2))), kl_divergence(q, p).expand(3, 2))


@pytest.mark.parametrize(("kind_q", "kind_p"), HERE)
def test_it_carries_the_gradient_of_its_differences(kind_q: type[Distribution], kind_p: type[Distribution]) -> None:
    makers = [next(e for e in DISTRIBUTIONS.values() if e.make is kind) for kind in (kind_q, kind_p)]
    fixed = {"shape"} if Erlang in (kind_q, kind_p) else set()  # whole numbers, and a gamma's shape has other names
    leaves, places = [], []
    for i, entry in enumerate(makers):
        for name, value in entry.parameters(dtype=torch.float64).items():
            if isinstance(value, Tensor):
                # A fifth up, so that p is not q where both are of one kind.
                moved = value[:2].clone() if value.ndim > 1 or name in fixed else value[:2] * (1.2 if i else 1.0)
                leaves.append(moved.requires_grad_(name not in fixed and value.ndim == 1))
                places.append((i, name))
    constants = [{n: v for n, v in e.parameters().items() if not isinstance(v, Tensor)} for e in makers]

    def kl(*values: Tensor) -> Tensor:
        parameters = [dict(c) for c in constants]
        for (i, name), value in zip(places, values, strict=True):
            parameters[i][name] = value
        return kl_divergence(*(e.make(**given) for e, given in zip(makers, parameters, strict=True)))

    if any(leaf.requires_grad for leaf in leaves) and bool(kl(*leaves).isfinite().all()):
        assert torch.autograd.gradcheck(kl, tuple(leaves), atol=1e-6)


def by_scipy(q: Distribution, p: Distribution, places: list[float]) -> float:
    """The integral over the real line or the interval that ``places`` cut into pieces, by a rule of another library."""

    def log_density(d: Distribution, z: float) -> float:
        return float(d.log_prob(torch.tensor(float(z), dtype=torch.float64)))

    def integrand(z: float) -> float:
        log_q = log_density(q, z)
        return math.exp(log_q) * (log_q - log_density(p, z)) if log_q > -700 else 0.0

    return sum(quad(integrand, low, high, limit=200, epsabs=1e-11)[0] for low, high in pairwise(places))


def double(kind: Any, *values: float) -> Distribution:
    return kind(*(torch.tensor(v, dtype=torch.float64) for v in values))


HARD = [
    # A q much wider, and much narrower, than the corner of p's logarithm.
    *(
        (double(Logistic, 0.0, s), double(Logistic, 0.5, 1.0), [-45 * s - 9, -3, 0.5, 3, 45 * s + 9])
        for s in (0.05, 10.0, 100.0)
    ),
    *(
        (double(Normal, 0.0, s), double(Logistic, 0.5, 1.0), [-10 * s, -0.2 * s, 0.5, 0.2 * s + 1, 10 * s + 1])
        for s in (0.05, 20.0)
    ),
    *(
        (double(Gompertz, 1.0, 1.0), double(Gompertz, 0.5, r), [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.5])
        for r in (0.1, 10.0, 20.0)
    ),
    *(
        (double(Kumaraswamy, a, b), double(Beta, 2.0, 3.0), [1e-300, 0.01, 0.5, 0.99, 1 - 1e-13])
        for a, b in ((2.0, 8.0), (1.0, 10.0), (0.8, 0.8), (5.0, 1.0), (3.0, 30.0))
    ),
]


@pytest.mark.parametrize(("q", "p", "places"), HARD, ids=[f"{type(q).__name__}-{i}" for i, (q, _, _) in enumerate(HARD)])
def test_the_integrals_hold_far_from_the_table_s_parameters(q: Distribution, p: Distribution, places: list[float]) -> None:
    assert float(kl_divergence(q, p)) == pytest.approx(by_scipy(q, p, places), rel=2e-6)


def test_different_spaces_are_refused() -> None:
    with pytest.raises(ShapeError, match="one space"):
        kl_divergence(HypersphericalUniform(4), HypersphericalUniform(3))
    diagonal = Independent(Normal(torch.zeros(1), torch.ones(1)), 1)
    with pytest.raises(ShapeError, match="one space"):
        kl_divergence(MultivariateNormal(torch.zeros(3), torch.eye(3)), diagonal)


def test_a_sharp_peak_is_no_distance_from_itself_and_keeps_its_digits() -> None:
    north = torch.eye(3)[0]
    sharp = VonMisesFisher(north * (1 + 2e-4), torch.tensor(1e5))
    assert abs(float(kl_divergence(sharp, sharp))) < 1e-4
    twice = kl_divergence(VonMisesFisher(north, torch.tensor(1e5)), VonMisesFisher(north, torch.tensor(2e5)))
    assert float(twice) == pytest.approx(1 - math.log(2), abs=1e-4)


def test_a_student_t_without_a_variance_is_infinitely_far_from_a_normal() -> None:
    assert kl_divergence(StudentT(torch.tensor([0.5, 1.0, 2.0])), Normal(0.0, 1.0)).tolist() == [math.inf] * 3


def test_whether_a_closed_form_is_known_does_not_hang_on_batches_or_subclasses() -> None:
    class Mine(Logistic):
        pass

    assert has_closed_kl(Logistic(0.0, 1.0), Normal(torch.zeros(3), 1.0))
    assert not has_closed_kl(Mine(0.0, 1.0), Logistic(0.0, 1.0))
    wide = closed_kl(Logistic(torch.zeros(2, 1), 1.0), Normal(torch.zeros(1, 3), 1.0))
    assert wide.shape == (2, 3)


def test_nested_supports_are_finite_and_others_infinite() -> None:
    inner, outer = (TruncatedNormal(torch.tensor(0.3).double(), 1.2, low, high) for low, high in ((-0.5, 1.0), (-1.0, 2.0)))
    torch.testing.assert_close(kl_divergence(inner, outer), integral(inner, outer), rtol=1e-6, atol=1e-6)
    assert kl_divergence(outer, inner) == torch.inf
    inner, outer = (Reciprocal(torch.tensor(low).double(), high) for low, high in ((0.5, 1.0), (0.2, 3.0)))
    torch.testing.assert_close(kl_divergence(inner, outer), integral(inner, outer), rtol=1e-6, atol=1e-6)
    assert kl_divergence(outer, inner) == torch.inf


@pytest.mark.parametrize("kind", [Logistic, Laplace])
def test_to_a_gumbel_it_is_finite_where_the_tail_is_narrow(kind: type[Logistic] | type[Laplace]) -> None:
    q, p = (
        kind(torch.tensor([-1.0, 0.5]).double(), torch.tensor([0.4, 1.2]).double()),
        Gumbel(torch.tensor(0.2).double(), 2.0),
    )
    torch.testing.assert_close(kl_divergence(q, p), integral(q, p), rtol=1e-5, atol=1e-6)
    assert kl_divergence(kind(torch.tensor(0.0), torch.tensor(2.5)), p) == torch.inf


def test_a_diagonal_normal_from_a_full_one_is_torchs_between_two_full_ones() -> None:
    loc, scale = torch.randn(4, 3).double(), torch.rand(4, 3).double() + 0.3
    q = Independent(Normal(loc, scale), 1)
    tril = torch.tril(torch.randn(3, 3).double()) * 0.4 + torch.eye(3).double()
    p = MultivariateNormal(torch.randn(3).double(), scale_tril=tril @ torch.diag(torch.diag(tril).sign()))
    want = kl_divergence(MultivariateNormal(loc, scale_tril=torch.diag_embed(scale)), p)
    torch.testing.assert_close(kl_divergence(q, p), want)
    torch.testing.assert_close(closed_kl(q, p), want)
    with pytest.raises(NotImplementedError):
        kl_divergence(Independent(Uniform(loc, loc + 1), 1), p)


def test_a_point_counts_what_it_states_less_what_the_other_says() -> None:
    point, p = Delta(torch.tensor([0.3, 2.0]), log_density=0.1), Normal(0.0, 2.0)
    torch.testing.assert_close(kl_divergence(point, p), 0.1 - p.log_prob(torch.tensor([0.3, 2.0])))


def test_an_integral_is_no_closed_form() -> None:
    q, p = examples(Logistic), swapped(examples(Logistic))
    assert PAIRS[Logistic, Logistic] is Method.QUADRATURE
    assert not has_closed_kl(q, p)
    assert not has_closed_kl(Independent(q, 1), Independent(p, 1))
    with pytest.raises(NoClosedForm, match="no closed form"):
        closed_kl(Independent(q, 1), Independent(p, 1))
    torch.testing.assert_close(kl_divergence(Independent(q, 1), Independent(p, 1)), kl_divergence(q, p).sum(-1))
