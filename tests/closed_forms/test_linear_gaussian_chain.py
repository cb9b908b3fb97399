"""The linear Gaussian chain against one big normal, written out from its noise without the library."""

import math
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from latentia.core.errors import ShapeError, SupportError
from latentia.distributions import closed_kl
from latentia.distributions.structured.linear_gaussian_chain import LinearGaussianChain

Parameters = dict[str, Any]
EVERY_LENGTH = pytest.mark.parametrize("length", range(1, 21))


def randn(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def tril(*shape: int) -> Tensor:
    return 0.4 * randn(*shape).tril(-1) + torch.diag_embed(torch.rand(shape[:-1], dtype=torch.float64) + 0.4)


def parameters(length: int, d: int, *batch: int) -> Parameters:
    """Another step at every step."""
    return {
        "initial_loc": randn(*batch, d),
        "initial_scale_tril": tril(*batch, d, d),
        "transition": 0.6 * randn(*batch, length - 1, d, d),
        "noise_scale_tril": tril(*batch, length - 1, d, d),
        "offset": randn(*batch, length - 1, d),
    }


def chain_of(p: Parameters, **other: Any) -> LinearGaussianChain:
    return LinearGaussianChain(**{**p, **other})


def big_normal(p: Parameters) -> tuple[Tensor, Tensor]:
    """Mean (*batch, T D) and covariance: z = F z + start + G e, so that z = (I - F)^-1 (start + G e)."""
    batch, d = p["initial_loc"].shape[:-1], p["initial_loc"].shape[-1]
    size = d * (1 + p["offset"].shape[-2])
    moves, noise = torch.zeros(*batch, size, size).double(), torch.zeros(*batch, size, size).double()
    noise[..., :d, :d] = p["initial_scale_tril"]
    for t in range(1, size // d):
        here, before = slice(t * d, t * d + d), slice(t * d - d, t * d)
        moves[..., here, before] = p["transition"][..., t - 1, :, :]
        noise[..., here, here] = p["noise_scale_tril"][..., t - 1, :, :]
    start = torch.cat([p["initial_loc"], p["offset"].flatten(-2)], -1)
    way = torch.linalg.inv(torch.eye(size).double() - moves)
    return (way @ start.unsqueeze(-1)).squeeze(-1), way @ noise @ noise.mT @ way.mT


def near(ours: Tensor, truth: Tensor) -> None:
    assert_close(ours, truth, rtol=0, atol=1e-8)


@EVERY_LENGTH
@pytest.mark.parametrize("d", [1, 2, 3])
def test_density_moments_and_entropy_are_those_of_one_big_normal(length: int, d: int) -> None:
    p = parameters(length, d, 2)
    chain, (loc, square) = LinearGaussianChain(**p), big_normal(p)
    whole = MultivariateNormal(loc, square)
    z = 2 * randn(4, 3, 2, length, d)
    near(chain.log_prob(z), whole.log_prob(z.flatten(-2)))
    near(chain.entropy(), whole.entropy())
    near(chain.mean.flatten(-2), loc)
    assert chain.mode.equal(chain.mean)
    blocks = square.unflatten(-1, (length, d)).unflatten(-3, (length, d)).movedim(-2, -3)  # (2, T, T, D, D)
    near(chain.covariance, torch.stack([blocks[:, t, t] for t in range(length)], 1))
    near(chain.variance.flatten(-2), square.diagonal(dim1=-2, dim2=-1))
    near(chain.cross_covariance, blocks.diagonal(1, 1, 2).movedim(-1, 1))
    near(chain.joint().loc, loc)
    near(chain.joint().covariance_matrix, square)


@EVERY_LENGTH
def test_divergence_is_that_of_the_big_normals_over_broadcast_batches(length: int) -> None:
    q, p = parameters(length, 2, 3, 1), parameters(length, 2, 2)
    kl = kl_divergence(LinearGaussianChain(**q), LinearGaussianChain(**p))
    assert kl.shape == (3, 2)
    (q_loc, q_square), (p_loc, p_square) = big_normal(q), big_normal(p)
    one, other = MultivariateNormal(q_loc, q_square).expand((3, 2)), MultivariateNormal(p_loc, p_square).expand((3, 2))
    near(kl, kl_divergence(one, other))


def test_one_prior_serves_every_posterior_and_a_chain_is_no_way_from_itself() -> None:
    q, p = LinearGaussianChain(**parameters(5, 2, 4)), LinearGaussianChain(**parameters(5, 2))
    each = [kl_divergence(chain_of(dict(zip(q.parameters, row, strict=True))), p) for row in rows(q)]
    near(closed_kl(q, p), torch.stack(each))
    assert_close(closed_kl(q, q), torch.zeros(4).double(), rtol=0, atol=1e-12)


def rows(chain: LinearGaussianChain) -> list[tuple[Tensor, ...]]:
    return list(zip(*chain.parameters.values(), strict=True))


def test_steps_all_the_same_need_writing_once() -> None:
    p = parameters(2, 3, 2)
    written = {name: value.repeat_interleave(6, -3 if value.ndim == 4 else -2) for name, value in p.items()}
    written |= {"initial_loc": p["initial_loc"], "initial_scale_tril": p["initial_scale_tril"]}
    long = LinearGaussianChain(**written)
    once = {name: value.squeeze(1) for name, value in p.items()}
    z = long.sample((5,))
    assert z.shape == (5, 2, 7, 3)
    mixed = {**written, "transition": p["transition"], "offset": p["offset"]}  # one step for all, beside six
    for same in (LinearGaussianChain(**once, length=7), chain_of(mixed)):
        assert same.event_shape == (7, 3)
        assert same.length == 7
        near(same.log_prob(z), long.log_prob(z))
        near(same.covariance, long.covariance)
    assert LinearGaussianChain(**once, length=7).transition.untyped_storage().nbytes() == 2 * 9 * 8, "a copy a step"
    still = chain_of(once, offset=torch.zeros(3).double(), length=7)
    del once["offset"], written["offset"]
    near(LinearGaussianChain(**once, length=7).log_prob(z), still.log_prob(z))
    near(LinearGaussianChain(**written).log_prob(z), still.log_prob(z))


def test_a_chain_of_one_place_is_a_normal_and_has_gradients() -> None:
    p = parameters(1, 2, 3)
    leaves = {name: value.requires_grad_() for name, value in p.items()}
    chain = LinearGaussianChain(**leaves)
    normal = MultivariateNormal(p["initial_loc"], scale_tril=p["initial_scale_tril"])
    z = chain.rsample((4,))
    assert z.shape == (4, 3, 1, 2)
    near(chain.log_prob(z), normal.log_prob(z.squeeze(-2)))
    assert chain.cross_covariance.shape == (3, 0, 2, 2)
    same = LinearGaussianChain(p["initial_loc"], p["initial_scale_tril"], *(randn(2, 2), tril(2, 2)), length=1)
    near(same.log_prob(z), chain.log_prob(z))
    near(kl_divergence(chain, same), torch.zeros(3).double())
    (chain.log_prob(z).sum() + kl_divergence(chain, same).sum() + chain.entropy().sum()).backward()
    assert all(leaf.grad is not None and bool(leaf.grad.isfinite().all()) for leaf in leaves.values())


def test_expanded_copies_share_their_memory_and_differ_in_their_draws() -> None:
    chain = LinearGaussianChain(**parameters(4, 2, 3))
    wide = chain.expand((5, 3))
    assert wide.transition.data_ptr() == chain.transition.data_ptr()
    z = wide.sample((2,))
    assert z.shape == (2, 5, 3, 4, 2)
    assert not bool((z[:, 0] == z[:, 1]).any())
    near(wide.log_prob(z), chain.log_prob(z))
    near(wide.covariance, chain.covariance.expand(5, -1, -1, -1, -1))


def test_draws_have_the_moments_of_the_big_normal() -> None:
    """False alarm: 1e-6 over the seed. First and second moments of 100,000 paths of four states in two rows."""
    p = parameters(4, 2, 2)
    loc, square = big_normal(p)
    away = LinearGaussianChain(**p).sample((100_000,)).flatten(-2) - loc
    products = away.unsqueeze(-1) * away.unsqueeze(-2)
    truth = torch.cat([torch.zeros(2, 1, 8).double(), square], 1)
    assert_mean_is(torch.cat([away.unsqueeze(-2), products], -2), truth, "moments", resolution=0.02)


@dataclass
class Copies:
    """A chain's parameters, a copy for each of n paths, whose gradients are then n draws of one gradient."""

    of: Parameters
    n: int = 40_000

    def __post_init__(self) -> None:
        self.leaves = {name: v.expand(self.n, *v.shape).clone().requires_grad_() for name, v in self.of.items()}
        self.chain = LinearGaussianChain(**self.leaves)

    def slopes(self, loss: Tensor) -> Tensor:
        slopes = torch.autograd.grad(loss.sum(), list(self.leaves.values()))
        free = [s.tril() if "tril" in name else s for name, s in zip(self.of, slopes, strict=True)]
        return torch.cat([s.flatten(1) for s in free], 1)


def test_gradients_of_draws_average_to_those_of_closed_expectations() -> None:
    """KL and a mean of squares, every parameter. False alarm: 2e-6 over the seed."""
    p = parameters(3, 2)
    other = chain_of(parameters(3, 2), initial_loc=p["initial_loc"])
    copies, one = Copies(p), Copies(p, 1)
    z = copies.chain.rsample()
    drawn = copies.slopes(copies.chain.log_prob(z) - other.log_prob(z))
    closed = one.slopes(kl_divergence(one.chain, other))
    assert_mean_is(drawn, closed.squeeze(0), "KL")
    c = randn(3, 2)
    drawn = copies.slopes((copies.chain.rsample() - c).square().sum((-2, -1)))
    closed = one.slopes(((one.chain.mean - c).square() + one.chain.variance).sum())
    assert_mean_is(drawn, closed.squeeze(0), "squares")


def test_every_closed_form_has_the_gradient_of_its_differences() -> None:
    q, p = parameters(3, 2, 2), parameters(3, 2)
    z = randn(2, 3, 2)

    def answers(z: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        chain = chain_of(dict(zip(q, values, strict=True)), validate_args=False)
        to, back = kl_divergence(chain, LinearGaussianChain(**p)), kl_divergence(LinearGaussianChain(**p), chain)
        return chain.log_prob(z), chain.entropy(), chain.covariance, chain.cross_covariance, chain.mean, to, back

    assert torch.autograd.gradcheck(answers, (z.requires_grad_(), *(v.requires_grad_() for v in q.values())))


@pytest.mark.parametrize("noise", [1.0, 1e-2, 1e-4])
def test_single_precision_costs_the_seventh_digit_of_states_over_the_noise(noise: float) -> None:
    """A float32 state of size 1 has an error of 6e-8; in units of the noise that is what a residual may be off."""
    p = {name: value.float().double() for name, value in parameters(20, 3, 2).items()}
    p["noise_scale_tril"] = (p["noise_scale_tril"] * noise).float().double()
    p["transition"] /= 2
    wide, single = LinearGaussianChain(**p), chain_of({name: value.float() for name, value in p.items()})
    z = single.sample((50,))
    off = (single.log_prob(z).double() - wide.log_prob(z.double())).abs().max()
    assert off < 1e-4 + 2e-5 / noise
    assert_close(single.entropy().double(), wide.entropy(), rtol=1e-6, atol=1e-5)
    q = chain_of(single.parameters, offset=single.offset + noise)
    q_wide = chain_of({name: value.double() for name, value in q.parameters.items()})
    assert_close(kl_divergence(q, single).double(), kl_divergence(q_wide, wide), rtol=1e-5, atol=0)


def test_what_does_not_fit_is_refused_in_one_line() -> None:
    p = parameters(4, 2, 3)
    bad = {
        "no axis of steps": {"transition": randn(2, 2)},
        "one D": {"transition": randn(3, 3, 3)},
        r"steps \[3, 5, 3\]": {"noise_scale_tril": tril(5, 2, 2)},
        "do not broadcast": {"offset": randn(4, 3, 2)},
        "length >= 1": {"length": 0},
    }
    for message, change in bad.items():
        with pytest.raises(ShapeError, match=message) as refused:
            chain_of(p, **change)
        assert "\n" not in str(refused.value)
    for name in p:
        value = p[name].clone()
        value[1, 0] = math.nan if name in ("initial_loc", "transition", "offset") else -value[1, 0]
        with pytest.raises(SupportError, match=name):
            chain_of(p, **{name: value})
    chain = LinearGaussianChain(**p)
    with pytest.raises(ShapeError, match="event shape"):
        chain.log_prob(randn(3, 5, 2))
    with pytest.raises(ShapeError, match="one space"):
        kl_divergence(chain, LinearGaussianChain(**parameters(5, 2, 3)))
