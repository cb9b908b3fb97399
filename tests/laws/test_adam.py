"""Our Adam is torch's fused one, to the bit."""

import pytest
import torch
from torch import Tensor

from latentia.learners.adam import FusedAdam

SHAPES = ((5, 3), (5,), (7, 5))


def parameters() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator).requires_grad_() for shape in SHAPES]


def gradients(turn: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(100 + turn)
    return [torch.randn(shape, generator=generator) for shape in SHAPES]


def ours(at: list[Tensor]) -> FusedAdam:
    return FusedAdam(at, 0.1, (0.8, 0.95), 1e-6)


def theirs(at: list[Tensor]) -> torch.optim.Adam:
    return torch.optim.Adam(at, lr=0.1, betas=(0.8, 0.95), eps=1e-6, fused=True)


def moved(optimizer: torch.optim.Adam, at: list[Tensor], turns: range, spoilt: int = -1, unseen: int = -1) -> None:
    for turn in turns:
        for k, (p, g) in enumerate(zip(at, gradients(turn), strict=True)):
            p.grad = None if turn == unseen and k == 1 else g
        optimizer.param_groups[0]["lr"] = 0.1 / (1 + turn)
        found = torch.ones(()) if turn == spoilt else None
        if isinstance(optimizer, FusedAdam):
            optimizer.move(found)
        elif found is None:
            optimizer.step()


@pytest.mark.parametrize("spoilt", [-1, 0, 3])
@pytest.mark.parametrize("unseen", [-1, 0, 4])
def test_every_step_is_torchs(spoilt: int, unseen: int) -> None:
    one, other = parameters(), parameters()
    moved(ours(one), one, range(8), spoilt, unseen)
    moved(theirs(other), other, range(8), spoilt, unseen)
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_it_goes_on_from_what_was_kept() -> None:
    whole, part = parameters(), parameters()
    moved(ours(whole), whole, range(8))
    begun = ours(part)
    moved(begun, part, range(5))
    kept = {
        place: {name: t.clone() for name, t in moments.items()} for place, moments in begun.state_dict()["state"].items()
    }
    again = ours(part)
    moved(again, part, range(0))
    again.load_state_dict({**again.state_dict(), "state": kept})
    moved(again, part, range(5, 8))
    assert all(torch.equal(a, b) for a, b in zip(whole, part, strict=True))


def test_moments_that_are_put_back_in_mid_course_are_used() -> None:
    one, other = parameters(), parameters()
    first, second = ours(one), theirs(other)
    for optimizer, at in ((first, one), (second, other)):
        moved(optimizer, at, range(3))
        zero = {
            place: {name: torch.zeros_like(t) for name, t in m.items()}
            for place, m in optimizer.state_dict()["state"].items()
        }
        optimizer.load_state_dict({**optimizer.state_dict(), "state": zero})
        moved(optimizer, at, range(3, 6))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_two_types_are_left_to_torch() -> None:
    at = [torch.ones(3, requires_grad=True), torch.ones(2, dtype=torch.float64, requires_grad=True)]
    optimizer = ours(at)
    for _ in range(3):
        for p in at:
            p.grad = torch.ones_like(p)
        optimizer.move()
    assert optimizer._lists is None
    torch.testing.assert_close(at[0].double()[:2], at[1])
