"""Our Adam is torch's fused one, to the bit."""

import pytest
import torch
from torch import Tensor

from latentia.learners.adam import FusedAdam

SHAPES = ((5, 3), (5,), (7, 5))


def parameters(second: torch.dtype = torch.float32) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn(shape, generator=generator) for shape in SHAPES]
    drawn[1] = drawn[1].to(second)
    return [p.requires_grad_() for p in drawn]


def gradients(turn: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(100 + turn)
    return [torch.randn(shape, generator=generator) for shape in SHAPES]


def ours(at: list[Tensor]) -> FusedAdam:
    return FusedAdam(at, 0.1, (0.8, 0.95), 1e-6)


def theirs(at: list[Tensor]) -> torch.optim.Adam:
    return torch.optim.Adam(at, lr=0.1, betas=(0.8, 0.95), eps=1e-6, fused=True)


def moved(
    optimizer: FusedAdam | torch.optim.Adam, at: list[Tensor], turns: range, spoilt: int = -1, unseen: int = -1
) -> None:
    for turn in turns:
        for k, (p, g) in enumerate(zip(at, gradients(turn), strict=True)):
            p.grad = None if turn == unseen and k == 1 else g.to(p.dtype)
        lr, bad = 0.1 / (1 + turn), turn == spoilt
        if isinstance(optimizer, FusedAdam):
            optimizer.lr = lr
            optimizer.move(torch.ones(()) if bad else None)
        elif not bad:
            optimizer.param_groups[0]["lr"] = lr
            optimizer.step()


@pytest.mark.parametrize("second", [torch.float32, torch.float64])
@pytest.mark.parametrize("spoilt", [-1, 0, 3])
@pytest.mark.parametrize("unseen", [-1, 0, 4])
def test_every_step_is_torchs(spoilt: int, unseen: int, second: torch.dtype) -> None:
    one, other = parameters(second), parameters(second)
    moved(ours(one), one, range(8), spoilt, unseen)
    moved(theirs(other), other, range(8), spoilt, unseen)
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_what_it_keeps_is_what_torch_keeps() -> None:
    one, other = parameters(), parameters()
    first, second = ours(one), theirs(other)
    moved(first, one, range(5), unseen=2)
    moved(second, other, range(5), unseen=2)
    for mine, its in zip(first.moments().values(), second.state_dict()["state"].values(), strict=True):
        assert mine.keys() == its.keys()
        assert all(torch.equal(mine[name], its[name]) for name in its)


def test_it_goes_on_from_what_was_kept_which_it_leaves_alone() -> None:
    whole, part = parameters(), parameters()
    moved(ours(whole), whole, range(8))
    begun = ours(part)
    moved(begun, part, range(5))
    kept = {place: {name: t.clone() for name, t in of.items()} for place, of in begun.moments().items()}
    before = kept[0]["exp_avg"].clone()
    again = ours(part)
    again.restore(kept)
    moved(again, part, range(5, 8))
    assert all(torch.equal(a, b) for a, b in zip(whole, part, strict=True))
    assert torch.equal(kept[0]["exp_avg"], before)


def test_moments_that_are_put_back_in_mid_course_are_used() -> None:
    one, other = parameters(), parameters()
    first, second = ours(one), theirs(other)
    moved(first, one, range(3))
    moved(second, other, range(3))
    zero = {place: {name: torch.zeros_like(t) for name, t in of.items()} for place, of in first.moments().items()}
    first.restore(zero)
    second.load_state_dict({**second.state_dict(), "state": {k: dict(of) for k, of in zero.items()}})
    moved(first, one, range(3, 6))
    moved(second, other, range(3, 6))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_parameters_may_go_elsewhere_before_the_first_step() -> None:
    at = [torch.ones(3, requires_grad=True)]
    optimizer = ours(at)
    at[0].data = at[0].data.double()
    at[0].grad = torch.ones_like(at[0])
    optimizer.move()
    assert optimizer.moments()[0]["exp_avg"].dtype == torch.float64
