"""Bits and codes as noise that is cut: their draws, their softening, and noise drawn again given what was drawn."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Normal, OneHotCategorical
from torch.nn import functional as F
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from latentia.distributions import Bits, Codes, relaxable

K, B, D, C = 40_000, 3, 2, 4


def bits(logits: Tensor | None = None) -> Bits:
    return Bits(torch.randn(B, D).double() if logits is None else logits, 1)


def codes(logits: Tensor | None = None) -> Codes:
    raw = torch.randn(B, D, C).double() if logits is None else logits
    return Codes(raw.log_softmax(-1), 2)


both = pytest.mark.parametrize("factors", [bits, codes], ids=["bits", "codes"])


@both
def test_a_cut_is_a_draw(factors: Callable[..., Bits | Codes]) -> None:
    """False alarm: 1e-6 over the seed. 40,000 draws."""
    q = factors()
    hard = q.draw(K)
    assert set(hard.unique().tolist()) == {0.0, 1.0}
    assert_mean_is(hard, q.mean, "the share of ones")
    if isinstance(q, Codes):
        assert bool((hard.sum(-1) == 1).all())


@both
def test_its_log_mass_is_torch_s_at_draws_and_linear_between(factors: Callable[..., Bits | Codes]) -> None:
    q = factors()
    base = Bernoulli(logits=q.logits) if isinstance(q, Bits) else OneHotCategorical(logits=q.logits)
    first, second = q.draw(7), q.draw(7)
    assert_close(q.log_mass(first), Independent(base, 1).log_prob(first))
    share = torch.rand(7, B, 1).double() if isinstance(q, Bits) else torch.rand(7, B, 1, 1).double()
    mixed = share * first + (1 - share) * second
    share = share.flatten(1)[:, :B].reshape(7, B)
    assert_close(q.log_mass(mixed), share * q.log_mass(first) + (1 - share) * q.log_mass(second))


@both
def test_a_soft_draw_hardens_as_the_temperature_falls(factors: Callable[..., Bits | Codes]) -> None:
    q = factors()
    noisy = q.noisy(50)
    distance = [float((q.soften(noisy, t) - q.harden(noisy)).abs().mean()) for t in (2.0, 0.5, 0.1, 1e-3)]
    assert distance == sorted(distance, reverse=True)
    assert distance[-1] < 1e-2
    for temperature in (2.0, 0.1):
        soft = q.soften(noisy, torch.tensor(temperature))
        assert bool(((soft >= 0) & (soft <= 1)).all())
        assert_close(q.harden(soft - 0.5) if isinstance(q, Bits) else q.harden(soft), q.harden(noisy))


def conditional_bits(logits: Tensor, hard: Tensor, free: Tensor) -> Tensor:
    """A logistic around ``logits``, given its side: by the inverse of its distribution function, from uniform noise."""
    zero = torch.sigmoid(-logits)
    u = torch.where(hard > 0, zero + (1 - zero) * free, zero * free)
    return logits + torch.logit(u)


def conditional_codes(logits: Tensor, hard: Tensor, free: Tensor) -> Tensor:
    """Gumbels around ``logits``, given the largest: Tucker et al. (2017), appendix, from uniform noise."""
    top = -(-(hard * free).sum(-1, keepdim=True).log()).log()
    others = -((-free.log()) / logits.exp() + (-top).exp()).log()
    return torch.where(hard > 0, top, others)


def test_noise_drawn_again_from_the_same_side_moves_as_stated() -> None:
    """By autograd through the inverse distribution function, at the noise that gives the same number."""
    q = bits()
    noisy = q.noisy(20)
    hard, zero = q.harden(noisy), torch.sigmoid(-q.logits)
    u = torch.sigmoid(noisy - q.logits)
    free = torch.where(hard > 0, (u - zero) / (1 - zero), u / zero)
    logits = q.logits.expand_as(noisy).clone().requires_grad_()
    again = conditional_bits(logits, hard, free)
    assert_close(again, noisy)
    slope = torch.randn_like(noisy)
    (theirs,) = torch.autograd.grad((slope * (logits - again)).sum(), logits)
    assert_close(q.beside_conditional(slope, noisy), theirs)


def test_gumbels_drawn_again_under_the_same_largest_move_as_stated() -> None:
    q = codes()
    noisy = q.noisy(20)
    hard, top = q.harden(noisy), noisy.amax(-1, keepdim=True)
    others = torch.exp(-((-noisy).exp() - (-top).exp()) * q.logits.exp())
    free = torch.where(hard > 0, torch.exp(-(-top).exp()), others)
    raw = q.logits.expand_as(noisy).clone().requires_grad_()
    again = conditional_codes(raw.log_softmax(-1), hard, free)
    assert_close(again, noisy)
    slope = torch.randn_like(noisy)
    (theirs,) = torch.autograd.grad((slope * (raw.log_softmax(-1) - again)).sum(), raw)
    assert_close(q.beside_conditional(slope, noisy), theirs)


def test_two_classes_are_a_bit() -> None:
    """The difference of two Gumbels is a logistic; the code moves with the difference of its logits."""
    logits = torch.randn(B, D).double()
    code, bit = codes(torch.stack([torch.zeros_like(logits), logits], -1)), bits(logits)
    noisy = code.noisy(30)
    difference = noisy[..., 1] - noisy[..., 0]
    assert_close(code.soften(noisy, 0.7)[..., 1], bit.soften(difference, 0.7))
    slope = torch.randn_like(difference)
    both_ways = code.beside_conditional(torch.stack([-slope, slope], -1), noisy)
    assert_close(both_ways[..., 1], bit.beside_conditional(slope, difference))
    assert_close(both_ways.sum(-1), torch.zeros_like(difference))


def test_a_class_that_cannot_be_drawn_costs_no_number() -> None:
    logits = torch.tensor([[0.3, -torch.inf, 1.0]], requires_grad=True)
    q = relaxable(Independent(OneHotCategorical(logits=logits.unsqueeze(0), validate_args=False), 1))
    assert q is not None
    noisy = q.noisy(100)
    assert not bool(q.harden(noisy)[..., 1].any())
    total = q.log_mass(q.soften(noisy, 0.3)).sum() + q.soften(noisy, 0.3).square().sum()
    assert bool(total.isfinite())
    total.backward()
    assert logits.grad is not None
    assert bool(logits.grad.isfinite().all())


@both
def test_extreme_logits_give_numbers(factors: Callable[..., Bits | Codes]) -> None:
    extreme = torch.tensor([[-200.0, 200.0], [-30.0, 30.0], [0.0, 1e4]])
    q = factors(extreme if factors is bits else torch.stack([extreme, -extreme, extreme / 2, 0 * extreme], -1))
    noisy = q.noisy(50)
    for value in (q.harden(noisy), q.soften(noisy, 0.1), q.beside_conditional(torch.ones_like(noisy), noisy)):
        assert bool(value.isfinite().all())


@pytest.mark.parametrize(
    "other", [Independent(Normal(torch.zeros(B, D), 1.0), 1), Independent(Categorical(logits=torch.zeros(B, D, C)), 1)]
)
def test_nothing_else_is_seen_so(other: Distribution) -> None:
    assert relaxable(other) is None


def test_an_event_of_several_axes_is_summed_whole() -> None:
    logits = torch.randn(B, 2, 3)
    q = relaxable(Independent(Independent(Bernoulli(logits=logits), 1), 1))
    assert q is not None
    assert q.log_mass(q.draw(5)).shape == (5, B)
    assert_close(q.log_mass(torch.ones(B, 2, 3)), F.logsigmoid(logits).sum((-2, -1)))
