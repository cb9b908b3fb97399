"""Layers of bits against the product of conditionals written out, in both directions over one layout."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Independent
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from helpers.oracles import log_bits
from latentia.core.errors import NoClosedForm, ShapeError
from latentia.distributions import LayeredBits, layers_of_bits

WIDTHS, B = [2, 1, 3], 4


class Written:
    """Weights of a chain over layers of widths 2, 1, 3, and its mass written out layer by layer."""

    def __init__(self, upwards: bool) -> None:
        order = WIDTHS if upwards else WIDTHS[::-1]
        self.upwards, self.first = upwards, torch.randn(B, order[0], dtype=torch.float64)
        self.weights = [torch.randn(a, b, dtype=torch.float64, requires_grad=True) for a, b in pairwise(order)]
        self.d = LayeredBits(self.first, [lambda z, w=w: z @ w for w in self.weights], WIDTHS, upwards)

    def log_prob(self, z: Tensor) -> Tensor:
        low, middle, high = z[..., :2], z[..., 2:3], z[..., 3:]
        chain = [low, middle, high] if self.upwards else [high, middle, low]
        total = log_bits(chain[0], self.first)
        for before, layer, weight in zip(chain, chain[1:], self.weights, strict=False):
            total = total + log_bits(layer, before @ weight)
        return total


both_ways = pytest.mark.parametrize("upwards", [True, False], ids=["upwards", "downwards"])


@both_ways
def test_the_mass_is_the_product_of_the_layers_and_sums_to_one(upwards: bool) -> None:
    written = Written(upwards)
    states = written.d.enumerate_states()
    assert states.shape == (64, 6)
    assert len(states.unique(dim=0)) == 64
    each = written.d.log_prob(states.unsqueeze(1))
    assert_close(each, written.log_prob(states.unsqueeze(1)))
    assert_close(each.exp().sum(0), torch.ones(B, dtype=torch.float64))
    z = torch.rand(5, B, 6, dtype=torch.float64).requires_grad_()  # between bits, too
    loose = written.d.expand((B,))
    loose._validate_args = False
    for one, other in zip(
        *(torch.autograd.grad(f(z).sum(), [z, *written.weights]) for f in (loose.log_prob, written.log_prob)), strict=True
    ):
        assert_close(one, other)
    assert_close(written.d.enumerate_support(), states.unsqueeze(1).expand(64, B, 6))
    assert written.d.enumerate_support(expand=False).shape == (64, 1, 6)


@both_ways
def test_draws_have_the_mass_of_every_state(upwards: bool) -> None:
    """At most a share of 1e-6 of all seeds fails."""
    written = Written(upwards)
    states = written.d.enumerate_states()
    drawn = written.d.sample((20_000,))
    place = (drawn * 2 ** torch.arange(5.0, -1, -1)).sum(-1).long()
    seen = torch.nn.functional.one_hot(place, 64).double()
    assert_mean_is(seen, written.log_prob(states.unsqueeze(1)).exp().T, "a state")


@both_ways
def test_soft_draws_are_bits_where_it_is_cold_and_carry_a_gradient(upwards: bool) -> None:
    """At most a share of 1e-6 of all seeds fails: whether a soft bit is above a half is a draw of the bit."""
    written = Written(upwards)
    torch.manual_seed(1)
    soft = written.d.relaxed_rsample((20_000,), temperature=1e-3).detach()
    mass = written.log_prob(written.d.enumerate_states().unsqueeze(1)).exp().detach()
    assert_mean_is((soft > 0.5).double(), torch.einsum("sb,sd->bd", mass, written.d.enumerate_states()), "a soft bit")
    assert float((soft - soft.round()).abs().mean()) < 1e-3
    logits = written.first.clone().requires_grad_()
    conditionals = [lambda z, w=w: z @ w for w in written.weights]
    warm = LayeredBits(logits, conditionals, WIDTHS, upwards).relaxed_rsample((5,), temperature=torch.tensor(0.7))
    assert bool(((warm > 0) & (warm < 1)).all())
    last = warm[..., 3:] if upwards else warm[..., :2]
    (slope,) = torch.autograd.grad(last.sum(), logits)
    assert bool((slope != 0).all()), "the gradient passes through every layer"


@both_ways
def test_rows_meet_draws_and_a_copy_is_the_same_law(upwards: bool) -> None:
    written = Written(upwards)
    z = written.d.sample((3,))
    wide = written.d.expand((3, B))
    assert wide.batch_shape == (3, B)
    assert_close(wide.log_prob(z), written.d.log_prob(z))
    assert wide.sample((2,)).shape == (2, 3, B, 6)
    alone = LayeredBits(written.first[0], written.d.conditionals, WIDTHS, upwards)
    assert alone.log_prob(z).shape == (3, B)
    assert_close(alone.log_prob(z)[:, 0], written.d.log_prob(z)[:, 0])
    for layer, width in zip(alone.split(z), WIDTHS, strict=True):
        assert layer.shape == (3, B, width)


def test_one_layer_is_a_product_of_bernoullis() -> None:
    logits = 2 * torch.randn(B, 3, dtype=torch.float64)
    d, torch_s = LayeredBits(logits), Independent(Bernoulli(logits=logits), 1)
    z = d.sample((5,))
    for what in ("mean", "variance", "mode"):
        if what != "mode":
            assert_close(getattr(d, what), getattr(torch_s, what))
    assert_close(d.mode, (logits > 0).double())
    assert_close(d.entropy(), torch_s.entropy())
    assert_close(d.log_prob(z), torch_s.log_prob(z))
    off = torch.rand_like(z)
    assert_close(LayeredBits(logits, validate_args=False).log_prob(off), unchecked(logits).log_prob(off))
    one = layers_of_bits(logits, [], [3], upwards=True)
    assert isinstance(one, Independent)
    assert_close(one.log_prob(z), d.log_prob(z))


def unchecked(logits: Tensor) -> Independent:
    return Independent(Bernoulli(logits=logits, validate_args=False), 1, validate_args=False)


def test_what_it_cannot_say_it_refuses() -> None:
    d = Written(upwards=True).d
    for what in ("mean", "variance", "mode"):
        with pytest.raises(NotImplementedError, match="average draws"):
            getattr(d, what)
    assert not d.has_rsample
    with pytest.raises(NoClosedForm, match=r"21 bits have 2\^21 states"):
        LayeredBits(torch.zeros(21)).enumerate_states()
    assert not LayeredBits(torch.zeros(21)).has_enumerate_support


@pytest.mark.parametrize(
    ("conditionals", "widths", "said"), [([], [2, 3], "one width more"), ([torch.tanh], [2, 3], "and 2 logits")]
)
def test_widths_that_do_not_fit_are_refused(conditionals: list, widths: list[int], said: str) -> None:
    with pytest.raises(ShapeError, match=said):
        LayeredBits(torch.zeros(3), conditionals, widths)


def test_a_nan_is_no_error_but_an_answer() -> None:
    """A learner skips such a step; torch.bernoulli would have stopped it."""
    d = LayeredBits(torch.tensor([torch.nan, 0.0]), validate_args=False)
    assert bool(d.log_prob(d.sample()).isnan())
