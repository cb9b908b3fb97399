"""What is decoded in pieces is what is decoded at once, and takes no more memory the more rows there are."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli as Bits
from torch.distributions import Independent
from torch.testing import assert_close

from latentia.distributions import point
from latentia.evaluation import draws_of_x, expected_x, means_of_x
from latentia.evaluation import pieces as module
from latentia.evaluation.footprint import UNSEEN, LiveBytes
from latentia.evaluation.pieces import rows_at_once
from latentia.families import Bernoulli, DiscretizedLogistic
from latentia.models import Decoded
from latentia.networks import mlp
from latentia.priors import BernoulliPrior, StandardNormal

VALUES, N = 400, 300


def a_model(family: Any = None, prior: Any = None) -> Decoded:
    torch.manual_seed(0)
    family = family or DiscretizedLogistic()
    return Decoded(prior or StandardNormal(3), mlp(3, [20], VALUES, per_value=family.raw_per_value), family)


def at_once(model: Decoded, z: Tensor) -> Tensor:
    return point(model.likelihood(z.unsqueeze(0))).squeeze(0)


def peak(work: Any) -> int:
    with torch.no_grad(), LiveBytes() as seen:
        work()
    return seen.peak


@torch.no_grad()
def test_pieces_give_what_one_piece_gives() -> None:
    for family in (DiscretizedLogistic(), Bernoulli()):
        model, z = a_model(family), torch.randn(N, 3)
        want = at_once(model, z)
        assert_close(means_of_x(model, z), want)
        for size in (1, 7, N, N + 1):
            got = means_of_x(model, z, at_once=size)
            assert got.shape == want.shape
            assert_close(got, want)
    assert means_of_x(model, z[:0]).shape == (0, VALUES)


def test_what_is_held_does_not_grow_with_the_rows() -> None:
    model, z = a_model(), torch.randn(1000, 3)
    budget = 8 * 2**20
    assert peak(lambda: at_once(model, z)) > 4 * budget
    size = rows_at_once(model, z, memory=budget)
    assert 1 < size < 1000
    # The answer itself twice, in parts and put together, beside what a piece takes.
    assert peak(lambda: means_of_x(model, z, at_once=size)) < budget + 2 * 4 * z.shape[0] * VALUES
    assert UNSEEN * peak(lambda: at_once(model, z[: 2 * size])) > budget, "no smaller than need be"


def test_what_a_call_takes_for_itself_is_not_counted_for_each_row() -> None:
    """Ten times the budget's share of a row once a call, and little for each row."""

    class Heavy(Decoded):
        def likelihood(self, z: Tensor, given: Tensor | None = None) -> Any:
            whole = torch.ones(1_000_000)
            return super().likelihood(z + 0 * whole.sum(), given)

    model, z = Heavy(StandardNormal(3), mlp(3, [20], VALUES), Bernoulli()), torch.randn(N, 3)
    assert rows_at_once(model, z, memory=20 * 2**20) > 100
    assert rows_at_once(model, z, memory=2**20) == 1


@torch.no_grad()
def test_few_values_are_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "peak_bytes", lambda _: pytest.fail("measured"))
    means_of_x(a_model(), torch.randn(5, 3))


@torch.no_grad()
def test_draws_that_fit_are_those_of_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    model, z = a_model(Bernoulli()), torch.randn(N, 3)
    torch.manual_seed(1)
    want = model.likelihood(z.unsqueeze(0)).sample().squeeze(0)
    torch.manual_seed(1)
    assert torch.equal(draws_of_x(model, z), want)
    sizes, piece = list[int](), module._piece
    monkeypatch.setattr(module, "_piece", lambda model, z, *more: (sizes.append(len(z)), piece(model, z, *more))[1])
    monkeypatch.setattr(module, "MEMORY_OF_DRAWS", 2**18)
    pieces = draws_of_x(model, z)
    assert len(sizes) > 4
    assert max(sizes) < N / 2
    assert pieces.shape == want.shape
    assert set(pieces.unique().tolist()) == {0.0, 1.0}


@torch.no_grad()
def test_an_average_over_draws_is_what_it_was() -> None:
    model, n = a_model(prior=BernoulliPrior(3)), 200
    q = Independent(Bits(logits=torch.randn(n, 3)), 1)
    torch.manual_seed(2)
    want = torch.stack([at_once(model, q.sample()) for _ in range(64)]).mean(0)
    torch.manual_seed(2)
    assert_close(expected_x(model, q), want)
