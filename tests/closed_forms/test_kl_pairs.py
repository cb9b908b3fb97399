"""Every divergence that this library registers, against an integral of log q - log p over q."""

import pytest
import torch
from torch import Tensor
from torch.distributions import (
    Distribution,
    Gumbel,
    Independent,
    Laplace,
    MultivariateNormal,
    Normal,
    Uniform,
    kl_divergence,
)

from helpers.measure import Measure
from latentia.core.errors import NoClosedForm
from latentia.distributions import (
    DISTRIBUTIONS,
    Delta,
    LinearGaussianChain,
    Logistic,
    Reciprocal,
    TruncatedNormal,
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
def test_it_broadcasts_and_carries_a_gradient(kind_q: type[Distribution], kind_p: type[Distribution]) -> None:
    q, p = examples(kind_q), swapped(examples(kind_p))
    wide = q.expand((3, 2))
    torch.testing.assert_close(kl_divergence(wide, p), kl_divergence(q, p).expand(3, 2))
    torch.testing.assert_close(kl_divergence(q.expand((1, 2)), p.expand((3, 2))), kl_divergence(q, p).expand(3, 2))


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
