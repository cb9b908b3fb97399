"""A walk between two encodings keeps its ends, its lengths and its angles; between discrete z it is one of chances."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Dirichlet, Independent, Normal

from latentia.core.errors import LatentiaError
from latentia.evaluation import between, decoded, usual_path
from latentia.families import Normal as NormalFamily
from latentia.models import Decoded
from latentia.networks import mlp
from latentia.priors import BernoulliPrior, Codes, Mixture, Prior, StandardNormal

D = 6


def standard(d: int = D) -> Independent:
    return Independent(Normal(torch.zeros(d).double(), torch.ones(d).double()), 1)


def angle(a: Tensor, b: Tensor) -> Tensor:
    return torch.arccos((a * b).sum(-1) / a.norm(dim=-1) / b.norm(dim=-1))


def white(a: Tensor, b: Tensor, t: float) -> Tensor:
    """His formula, written as he does."""
    omega = math.acos(float(a @ b / a.norm() / b.norm()))
    return (math.sin((1 - t) * omega) * a + math.sin(t * omega) * b) / math.sin(omega)


@pytest.mark.parametrize("path", ["spherical", "linear", None])
def test_the_ends_are_the_rows_own(path: str | None) -> None:
    a, b = torch.randn(2, D)
    points = between(StandardNormal(D).distribution(), a, b, 5, path)  # pyright: ignore[reportArgumentType]
    assert points.shape == (5, D)
    assert torch.equal(points[0], a)
    assert torch.equal(points[-1], b)


def test_at_equal_lengths_it_is_whites_formula() -> None:
    a, b = torch.randn(2, D).double()
    b = b * a.norm() / b.norm()
    points = between(standard(), a, b, 9)
    for k, point in enumerate(points):
        torch.testing.assert_close(point, white(a, b, k / 8))
    torch.testing.assert_close(points.norm(dim=-1), a.norm().expand(9))


def test_direction_and_length_change_evenly() -> None:
    a, b = torch.randn(2, D).double()
    points, t = between(standard(), a, 3 * b, 9), torch.linspace(0, 1, 9).double()
    torch.testing.assert_close(points.norm(dim=-1), (1 - t) * a.norm() + t * 3 * b.norm())
    torch.testing.assert_close(angle(points, a)[1:], (t * angle(a, b))[1:])
    torch.testing.assert_close(between(standard(), a, 3 * b, 9, "linear"), a + t[:, None] * (3 * b - a))


def test_it_is_taken_in_the_priors_own_units() -> None:
    a, b, center = torch.randn(3, D).double()
    scale = torch.rand(D).double() + 0.5
    prior = Independent(Normal(center, scale), 1)
    want = center + scale * between(standard(), a, b, 7)
    torch.testing.assert_close(between(prior, center + scale * a, center + scale * b, 7), want)


def test_the_middle_lies_where_draws_lie() -> None:
    # Lengths squared are chi-square of 10,000: ten standard deviations are 1,414.
    a, b = torch.randn(2, 10_000).double()
    spherical, linear = (between(standard(10_000), a, b, 3, path)[1].square().sum() for path in ("spherical", "linear"))
    assert abs(float(spherical) - 10_000) < 1500
    assert abs(float(linear) - 5_000) < 1500


@pytest.mark.parametrize(
    "b", [torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0 + 1e-7]), torch.tensor([-3.0, -6.0]), torch.zeros(2)]
)
def test_where_no_circle_is_meant_the_way_is_straight(b: Tensor) -> None:
    a = torch.tensor([1.0, 2.0])
    points = between(StandardNormal(2).distribution(), a, b, 5)
    torch.testing.assert_close(points, a + torch.linspace(0, 1, 5)[:, None] * (b - a))


def test_each_prior_has_its_usual_path() -> None:
    priors: list[tuple[Prior, str]] = [(StandardNormal(2), "spherical"), (Mixture(2, 3), "linear"), (Codes(2, 3), "linear")]
    for prior, path in priors:
        assert usual_path(prior.distribution()) == path
    shares = Dirichlet(torch.ones(3))
    ends = shares.sample((2,))
    points = between(shares, ends[0], ends[1], 4)
    torch.testing.assert_close(points.sum(-1), torch.ones(4))


@pytest.mark.parametrize(
    ("steps", "path", "message"),
    [
        (1, None, "steps is 1, wanted a whole number of at least 2"),
        (2.5, None, "steps is 2.5"),
        (3, "sphericle", "there is no path 'sphericle'; did you mean 'spherical'?"),
        (3, "spherical", "around the center of a normal prior, and this prior is none; use linear"),
    ],
)
def test_wrong_wishes_are_refused(steps: int, path: str | None, message: str) -> None:
    with pytest.raises(LatentiaError) as error:
        between(Mixture(2, 3).distribution(), torch.zeros(2), torch.ones(2), steps, path)  # pyright: ignore[reportArgumentType]
    assert message in str(error.value)


def identity(prior: Prior) -> Decoded:
    """x is z, seen through a little noise."""
    n = prior.z_shape.numel()
    network = mlp(prior.z_shape, [], n)
    with torch.no_grad():
        network.last.weight.copy_(torch.eye(n))
        network.last.bias.zero_()
    return Decoded(prior, network, NormalFamily(0.1))


def test_between_bits_lie_chances_of_bits() -> None:
    model = identity(BernoulliPrior(4))
    a, b = torch.tensor([0.0, 1.0, 0.0, 1.0]), torch.tensor([1.0, 0.0, 0.0, 1.0])
    with torch.no_grad():
        x = decoded(model, between(model.prior(), a, b, 11))
    assert torch.equal(x[0], a)
    assert torch.equal(x[-1], b)
    assert torch.equal(x[:, 2:], torch.tensor([0.0, 1.0]).expand(11, 2)), "what both rows share stays"
    assert bool((x[:, 0].diff() >= 0).all()), "shared noise: a bit that becomes likelier never goes off again"
    assert bool((x[:, 1].diff() <= 0).all())
    # 64 draws of a bit at an even chance: five standard errors are 0.31; below 1e-6 by chance.
    assert abs(float(x[5, 0]) - 0.5) < 0.31


def test_between_codes_every_draw_is_a_code() -> None:
    model = identity(Codes(2, 3))
    a, b = torch.eye(3)[[0, 1]], torch.eye(3)[[2, 1]]
    with torch.no_grad():
        x = decoded(model, between(model.prior(), a, b, 5)).reshape(5, 2, 3)
    torch.testing.assert_close(x[0], a)
    torch.testing.assert_close(x[-1], b)
    torch.testing.assert_close(x.sum(-1), torch.ones(5, 2))
    assert abs(float(x[2, 0, 0]) - 0.5) < 0.31
