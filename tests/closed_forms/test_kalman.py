"""Filter, posterior and marginal of a linear Gaussian chain against block algebra on one big normal of states and values."""

import math
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from latentia.core.errors import ShapeError, SupportError
from latentia.distributions.structured.linear_gaussian_chain import LinearGaussianChain
from latentia.distributions.structured.linear_gaussian_observations import LinearEmission, LinearGaussianObservations

B, S = 2, 3  # rows of parameters, and sequences for each
SIZES = pytest.mark.parametrize(("d", "p"), [(2, 3), (3, 1)])
MASKED = pytest.mark.parametrize("masked", [False, True], ids=["whole", "holes"])


def randn(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def tril(*shape: int) -> Tensor:
    return 0.4 * randn(*shape).tril(-1) + torch.diag_embed(torch.rand(shape[:-1], dtype=torch.float64) + 0.4)


@dataclass
class Case:
    """Parameters for rows of one batch axis, another at every place, and the same in one big normal."""

    length: int
    d: int
    p: int

    def __post_init__(self) -> None:
        n, d, p = self.length, self.d, self.p
        self.chain: dict[str, Any] = {
            "initial_loc": randn(B, d),
            "initial_scale_tril": tril(B, d, d),
            "transition": 0.6 * randn(B, n - 1, d, d),
            "noise_scale_tril": tril(B, n - 1, d, d),
            "offset": randn(B, n - 1, d),
        }
        self.emission = {"weight": randn(B, n, p, d), "noise_scale_tril": tril(B, n, p, p), "offset": randn(B, n, p)}
        emission = LinearEmission(**self.emission, time_varying=True)
        self.law = LinearGaussianObservations(LinearGaussianChain(**self.chain), emission)

    def joint(self, row: int) -> tuple[Tensor, Tensor]:
        """Mean and covariance of (z_1, .., z_T, x_1, .., x_T), from (z, x) = M (z, x) + start + G e."""
        n, d, p = self.length, self.d, self.p
        chain = {name: value[row] for name, value in self.chain.items()}
        emission = {name: value[row] for name, value in self.emission.items()}
        size = n * (d + p)
        moves, noise = torch.zeros(size, size).double(), torch.zeros(size, size).double()
        for t in range(n):
            z, x = slice(t * d, t * d + d), slice(n * d + t * p, n * d + t * p + p)
            noise[z, z] = chain["noise_scale_tril"][t - 1] if t else chain["initial_scale_tril"]
            if t:
                moves[z, t * d - d : t * d] = chain["transition"][t - 1]
            moves[x, z] = emission["weight"][t]
            noise[x, x] = emission["noise_scale_tril"][t]
        start = torch.cat([chain["initial_loc"], chain["offset"].flatten(), emission["offset"].flatten()])
        way = torch.linalg.inv(torch.eye(size).double() - moves)
        return way @ start, way @ noise @ noise.T @ way.T

    def holes(self) -> Tensor:
        """(S, B, T, P), True where observed: without some places, without single values, without anything."""
        places = torch.rand(B, self.length, 1).expand(B, self.length, self.p)
        seen = torch.stack([places, torch.rand(places.shape), torch.ones(places.shape)]) < 0.6
        seen[:, 0, 0] = False
        return seen


def given(
    loc: Tensor, square: Tensor, n_states: int, seen: Tensor, x: Tensor, which: slice | None = None
) -> tuple[Tensor, Tensor]:
    """Those of the states given the values x (S, T P) that are seen (T P)."""
    z, at = torch.arange(n_states)[which or slice(None)], n_states + seen.nonzero().squeeze(-1)
    gain = torch.linalg.solve(square[at][:, at], square[at][:, z]).T
    return loc[z] + (x[:, seen] - loc[at]) @ gain.T, square[z][:, z] - gain @ square[at][:, z]


def near(ours: Tensor, truth: Tensor) -> None:
    assert_close(ours, truth, rtol=0, atol=1e-8)


@pytest.mark.parametrize("length", range(1, 21))
@MASKED
@SIZES
def test_filter_posterior_and_marginal_are_those_of_one_big_normal(length: int, masked: bool, d: int, p: int) -> None:
    case, states = Case(length, d, p), length * d
    mask = case.holes() if masked else None
    x, z = case.law.sample((S,)), randn(S, B, length, d)
    filtered, posterior = case.law.filter(x, mask), case.law.posterior(x, mask)
    mean, square = case.law.smooth(x, mask)
    density, joint = posterior.log_prob(z), posterior.joint().covariance_matrix
    assert posterior.batch_shape == (S, B)
    assert filtered.covariance.shape == (S, B, length, d, d)
    for row in range(B):
        loc, whole = case.joint(row)
        # One sequence at a time where each has holes of its own, else all at once.
        for which in [slice(s, s + 1) for s in range(S)] if masked else [slice(0, S)]:
            values, path = x[which, row].flatten(-2), z[which, row].flatten(-2)
            seen = torch.ones(length, p).bool() if mask is None else mask[which.start, row]
            at = states + seen.flatten().nonzero().squeeze(-1)
            if len(at):
                marginal = MultivariateNormal(loc[at], whole[at][:, at]).log_prob(values[:, seen.flatten()])
            else:
                marginal = torch.zeros(1).double()
            near(filtered.log_marginal[which, row], marginal)
            truth, spread = given(loc, whole, states, seen.flatten(), values)
            near(mean[which, row].flatten(-2), truth)
            near(density[which, row], MultivariateNormal(truth, spread).log_prob(path))
            near(joint[which, row], spread.expand(len(values), -1, -1))
            spreads = spread.unflatten(-1, (length, d)).unflatten(0, (length, d)).diagonal(0, 0, 2).movedim(-1, 0)
            near(square[which, row], spreads.expand(len(values), -1, -1, -1))
            upto = [seen & (torch.arange(length) <= t).unsqueeze(-1) for t in range(length)]
            past = [given(loc, whole, states, upto[t].flatten(), values, slice(t * d, t * d + d)) for t in range(length)]
            near(filtered.loc[which, row], torch.stack([one[0] for one in past], 1))
            near(filtered.covariance[which, row], torch.stack([one[1] for one in past]).expand(len(values), -1, -1, -1))


@MASKED
@SIZES
def test_prior_times_likelihood_over_posterior_is_the_marginal_at_every_path(masked: bool, d: int, p: int) -> None:
    case = Case(9, d, p)
    mask = case.holes() if masked else None
    x, z = case.law.sample((S,)), 3 * randn(7, S, B, 9, d)
    emission = case.law.emission.distribution(z)
    if mask is None:
        likelihood = emission.log_prob(x)
    else:  # a normal's own marginal, place by place
        likelihood = torch.zeros(7, S, B).double()
        base: Any = emission.base_dist
        for s, row, t in mask.any(-1).nonzero().tolist():
            seen = mask[s, row, t]
            part = MultivariateNormal(base.loc[:, s, row, t][:, seen], base.covariance_matrix[0, s, row, t][seen][:, seen])
            likelihood[:, s, row] += part.log_prob(x[s, row, t][seen])
    ratio = case.law.chain.log_prob(z) + likelihood - case.law.posterior(x, mask).log_prob(z)
    near(ratio, case.law.log_marginal(x, mask).expand(7, S, B))


def test_the_law_of_the_values_is_a_big_normal_s_part() -> None:
    """False alarm of the draws: 1e-6 over the seed. First and second moments of 100,000 pairs of path and values."""
    case = Case(3, 2, 1)
    z, x = case.law.sample_joint((100_000,))
    pairs = torch.cat([z.flatten(-2), x.flatten(-2)], -1)
    wide = case.law.expand((4, B))
    assert wide.sample((5,)).shape == (5, 4, B, 3, 1)
    near(wide.log_prob(x[:4]), case.law.log_prob(x[:4]))
    for row in range(B):
        loc, whole = case.joint(row)
        part = MultivariateNormal(loc[6:], whole[6:, 6:])
        near(case.law.log_prob(x[:9])[:, row], part.log_prob(x[:9, row].flatten(-2)))
        near(case.law.entropy()[row], part.entropy())
        near(case.law.mean[row].flatten(), part.mean)
        near(case.law.variance[row].flatten(), part.variance)
        away = pairs[:, row] - loc
        products = away.unsqueeze(-1) * away.unsqueeze(-2)
        truth = torch.cat([torch.zeros(1, 9).double(), whole])
        assert_mean_is(torch.cat([away.unsqueeze(-2), products], -2), truth, f"row {row}", resolution=0.02)


def test_values_move_with_the_parameters_that_made_them() -> None:
    """A mean of squares, every parameter, 40,000 copies. False alarm: 1e-6 over the seed."""
    case, n = Case(2, 2, 1), 40_000
    p = {**case.chain, **{f"emission {name}": value for name, value in case.emission.items()}}

    def slopes(n: int, loss: Any) -> Tensor:
        leaves = {name: value[0].expand(n, *value.shape[1:]).clone().requires_grad_() for name, value in p.items()}
        emission = LinearEmission(*list(leaves.values())[5:], time_varying=True)  # pyright: ignore[reportArgumentType]
        law = LinearGaussianObservations(LinearGaussianChain(*list(leaves.values())[:5]), emission)
        found = torch.autograd.grad(loss(law).sum(), list(leaves.values()))
        return torch.cat([(s.tril() if "tril" in name else s).flatten(1) for name, s in zip(p, found, strict=True)], 1)

    drawn = slopes(n, lambda law: (law.rsample() - 1).square())
    closed = slopes(1, lambda law: (law.mean - 1).square() + law.variance)
    assert_mean_is(drawn, closed.squeeze(0), "squares")


def test_what_stands_in_a_masked_place_reaches_neither_value_nor_gradient() -> None:
    case = Case(6, 2, 3)
    clean = case.law.sample((S,))
    mask = case.holes()
    slopes = []
    for filler in (0.0, math.nan, math.inf):
        x = torch.where(mask, clean, filler).requires_grad_()
        weight = case.emission["weight"].clone().requires_grad_()
        emission = LinearEmission(weight, case.emission["noise_scale_tril"], time_varying=True)
        law = LinearGaussianObservations(case.law.chain, emission)
        posterior = law.posterior(x, mask)
        value = law.log_marginal(x, mask).sum() + posterior.mean.square().sum() + posterior.entropy().sum()
        slopes.append((value, *torch.autograd.grad(value, (x, weight))))
    for other in slopes[1:]:
        for a, b in zip(slopes[0], other, strict=True):
            assert a.equal(b)
    assert bool((slopes[0][1][~mask] == 0).all())
    assert bool(slopes[0][2].isfinite().all())


def test_without_observations_the_posterior_is_the_chain() -> None:
    case = Case(5, 2, 3)
    posterior = case.law.posterior(torch.full((B, 5, 3), math.nan).double(), torch.zeros(B, 5).bool())
    for name, value in case.law.chain.parameters.items():
        assert_close(posterior.parameters[name], value, rtol=0, atol=1e-14)
    assert case.law.log_marginal(randn(B, 5, 3), torch.zeros(B, 5).bool()).tolist() == [0.0, 0.0]


def test_a_mask_s_own_axes_broadcast() -> None:
    case = Case(4, 2, 3)
    x, one = case.law.sample((S,)), torch.tensor([True, False, True, True])
    few, many = one.reshape(1, 1, 4), one.reshape(1, 1, 4, 1).expand(S, B, 4, 3)
    near(case.law.log_marginal(x, few), case.law.log_marginal(x, many))
    a, b = case.law.posterior(x, few), case.law.posterior(x, many)
    near(a.log_prob(case.law.chain.mean), b.log_prob(case.law.chain.mean))
    near(case.law.filter(x, few).covariance, case.law.filter(x, many).covariance)
    whole = torch.ones(x.shape).bool()
    near(case.law.log_marginal(x, whole), case.law.log_marginal(x))


def test_an_emission_that_stays_needs_writing_once() -> None:
    case = Case(5, 2, 3)
    weight, noise, offset = (case.emission[name][:, 0] for name in ("weight", "noise_scale_tril", "offset"))
    once = LinearGaussianObservations(case.law.chain, LinearEmission(weight, noise, offset))
    varying = LinearEmission(weight.unsqueeze(1), noise.unsqueeze(1).expand(B, 5, 3, 3), offset.unsqueeze(1), True)
    long = LinearGaussianObservations(case.law.chain, varying)
    x, mask = once.sample((S,)), torch.rand(S, B, 5, 3) < 0.5
    for a, b in ((once.log_prob(x), long.log_prob(x)), (once.log_marginal(x, mask), long.log_marginal(x, mask))):
        near(a, b)
    near(once.posterior(x).mean, long.posterior(x).mean)
    plain = LinearGaussianObservations(case.law.chain, LinearEmission(weight[0], noise[0]))
    near(
        plain.log_prob(x),
        LinearGaussianObservations(case.law.chain, LinearEmission(weight[0], noise[0], 0 * offset)).log_prob(x),
    )


def test_a_second_derivative_of_the_posterior_is_refused() -> None:
    case = Case(3, 2, 1)
    weight = case.emission["weight"].requires_grad_()
    law = LinearGaussianObservations(case.law.chain, LinearEmission(weight, tril(1, 1, 1), time_varying=True))
    slope = torch.autograd.grad(law.posterior(randn(B, 3, 1)).entropy().sum(), weight, create_graph=True)[0]
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


def test_what_does_not_fit_is_refused_in_one_line() -> None:
    case = Case(4, 2, 3)
    law, x = case.law, randn(B, 4, 3)
    chain = law.chain

    def refused(error: type[ValueError], message: str, ask: Any) -> None:
        with pytest.raises(error, match=message) as raised:
            ask()
        assert "\n" not in str(raised.value)
        assert "tensor(" not in str(raised.value)

    refused(ShapeError, r"\(\.\.\., P, P\)", lambda: LinearEmission(randn(3, 2), tril(2, 2)))
    refused(ShapeError, "time_varying", lambda: LinearEmission(randn(3, 2), tril(4, 3, 3), time_varying=True))
    refused(ShapeError, r"\(3, 2\), \(3, 3\), \(2,\)", lambda: LinearEmission(randn(3, 2), tril(3, 3), randn(2)))
    refused(ShapeError, "path", lambda: law.emission.distribution(randn(5, 2)))
    refused(ShapeError, "one D", lambda: LinearGaussianObservations(chain, LinearEmission(randn(3, 4), tril(3, 3))))
    longer = LinearEmission(randn(5, 3, 2), tril(1, 3, 3), time_varying=True)
    refused(ShapeError, "one T", lambda: LinearGaussianObservations(chain, longer))
    refused(ShapeError, "batch", lambda: LinearGaussianObservations(chain, LinearEmission(randn(5, 3, 2), tril(3, 3))))
    bad = LinearEmission(randn(3, 2), -tril(3, 3))
    refused(SupportError, "noise_scale_tril", lambda: LinearGaussianObservations(chain, bad))
    for shape in ((4,), (3,), (B, 4, 3, 1), (B, 4, 2), (5, 4, 3)):
        refused(ShapeError, "mask", lambda shape=shape: law.filter(x, torch.ones(shape).bool()))
    refused(ShapeError, "wanted x", lambda: law.posterior(randn(B, 5, 3)))
    refused(ShapeError, "event shape", lambda: law.log_prob(randn(B, 5, 3)))
    x[0, 1, 2] = math.nan
    refused(SupportError, "mask", lambda: law.filter(x))
