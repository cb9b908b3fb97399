"""Bits summed in few passes are torch's, in value, slope and curvature."""

from itertools import pairwise

import pytest
import torch
from torch import Size, Tensor
from torch.distributions import Bernoulli, Independent

from latentia.distributions.independent_bits import IndependentBits

SHAPES = [
    ((7, 4, 6), (4, 6), 1),
    ((4, 6), (7, 4, 6), 1),
    ((7, 1, 6), (4, 6), 1),
    ((3, 2, 5, 5), (2, 5, 5), 2),
    ((6,), (6,), 1),
]


def both(logits: Tensor, dims: int) -> tuple[IndependentBits, Independent]:
    base = Bernoulli(logits=logits, validate_args=False)
    return IndependentBits(base, dims, validate_args=False), Independent(base, dims, validate_args=False)


@pytest.mark.parametrize(("of_logits", "of_value", "dims"), SHAPES)
@pytest.mark.parametrize("soft", [False, True])
def test_mass_and_slopes_are_torchs(of_logits: tuple[int, ...], of_value: tuple[int, ...], dims: int, soft: bool) -> None:
    torch.manual_seed(0)
    logits = (8 * torch.randn(of_logits, dtype=torch.float64)).requires_grad_()
    value = torch.rand(of_value, dtype=torch.float64)
    value = value.requires_grad_() if soft else value.round()
    masses, slopes = [], []
    for d in both(logits, dims):
        mass = d.log_prob(value)
        masses.append(mass)
        wanted = (logits, value) if soft else (logits,)
        slopes.append(torch.autograd.grad((mass * torch.arange(1.0, 1 + mass.numel()).reshape(mass.shape)).sum(), wanted))
    torch.testing.assert_close(*masses)
    for mine, its in zip(*slopes, strict=True):
        torch.testing.assert_close(mine, its)


def test_it_can_be_differentiated_twice() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    value = torch.rand(3, 4, dtype=torch.float64, requires_grad=True)
    ask = (lambda logits, value: both(logits, 1)[0].log_prob(value), (logits, value))
    assert torch.autograd.gradcheck(*ask)
    assert torch.autograd.gradgradcheck(*ask)


def test_nearly_certain_bits_keep_their_slope() -> None:
    logits = torch.tensor([[-90.0, -30.0, 0.0, 30.0, 90.0]], requires_grad=True)
    for bit in (0.0, 1.0):
        mass = both(logits, 1)[0].log_prob(torch.full((5,), bit))
        (slope,) = torch.autograd.grad(mass.sum(), logits)
        torch.testing.assert_close(slope, bit - logits.detach().sigmoid())
        torch.testing.assert_close(mass, both(logits, 1)[1].log_prob(torch.full((5,), bit)))


def test_it_stays_itself_when_it_is_expanded() -> None:
    d = both(torch.zeros(3, 4), 1)[0].expand(Size([5, 3]))
    assert type(d) is IndependentBits
    assert d.log_prob(torch.ones(4)).shape == (5, 3)


def test_what_is_saved_is_not_written_over() -> None:
    """Two backward passes through one graph give the same."""
    logits = torch.randn(2, 3, 4, requires_grad=True)
    mass = both(logits, 1)[0].log_prob(torch.ones(3, 4)).sum()
    slopes = [torch.autograd.grad(mass, logits, retain_graph=True)[0] for _ in range(3)]
    assert all(torch.equal(a, b) for a, b in pairwise(slopes))


def test_the_wider_type_of_the_two_is_the_answers() -> None:
    for narrow, wide in ((torch.bfloat16, torch.float32), (torch.float32, torch.float64)):
        logits, value = torch.randn(2, 3, 4), torch.ones(3, 4)
        for mine, its in (both(logits.to(narrow), 1), both(logits.to(wide), 1)):
            for kind in (narrow, wide):
                found, known = mine.log_prob(value.to(kind)), its.log_prob(value.to(kind))
                assert found.dtype == known.dtype
                torch.testing.assert_close(found, known)
