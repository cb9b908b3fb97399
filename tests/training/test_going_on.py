"""A training that is broken off anywhere and gone on with ends where the whole one does, bit for bit."""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch

from helpers.going_on import everything
from latentia.core import Batch
from latentia.core.errors import DataError
from latentia.data import Dataset, from_arrays
from latentia.families import Bernoulli, DiagonalNormal
from latentia.gradients import Nvil
from latentia.learners import Joint, KLWeight, Learner, LearningRate
from latentia.models import Decoded
from latentia.networks import mlp
from latentia.posteriors import Amortized, PerDatum
from latentia.priors import BernoulliPrior, StandardNormal
from latentia.training import History, Silent, State, train
from latentia.training.checkpoint import Checkpoint, from_bytes
from latentia.training.keeper import Forgets, Terminated, fingerprint

N_VALUES, EPOCHS, SIZE = 6, 3, 16
APART_FROM_TIME = ("seconds", "rows_per_second")


def greys(n: int = 60, binarize: str = "dynamic") -> Dataset:
    generator = torch.Generator().manual_seed(0)
    return from_arrays(torch.rand(n, N_VALUES, generator=generator), binarize=binarize)  # pyright: ignore[reportArgumentType]


def amortized() -> Learner:
    model = Decoded(StandardNormal(2), mlp(2, [8], N_VALUES), Bernoulli())
    posterior = Amortized(mlp(N_VALUES, [8], 2, per_value=2), DiagonalNormal())
    return Joint(model, posterior, lr=LearningRate(1e-2, warm_up=2, total=12), kl=KLWeight(warm_up=5))


def wild() -> Learner:
    """At a rate so high that the best epoch is not the last one."""
    model = Decoded(StandardNormal(2), mlp(2, [8], N_VALUES), Bernoulli())
    return Joint(model, Amortized(mlp(N_VALUES, [8], 2, per_value=2), DiagonalNormal()), lr=LearningRate(0.3))


def nvil() -> Learner:
    model = Decoded(BernoulliPrior(3), mlp(3, [8], N_VALUES), Bernoulli())
    posterior = Amortized(mlp(N_VALUES, [8], 3), Bernoulli())
    return Joint(model, posterior, gradient=Nvil((N_VALUES,), hidden=(4,)), draws=2, lr=LearningRate(1e-2))


def table() -> Learner:
    model = Decoded(StandardNormal(2), mlp(2, [8], N_VALUES), Bernoulli())
    return Joint(model, PerDatum(DiagonalNormal(), 2, steps=3, table=True, table_steps=2), lr=LearningRate(1e-2))


LEARNERS: dict[str, Callable[[], Learner]] = {"amortized": amortized, "wild": wild, "nvil": nvil, "table": table}
every_learner = pytest.mark.parametrize("make", LEARNERS.values(), ids=LEARNERS)


class Drawer(Forgets):
    """Keeps every checkpoint as bytes, and breaks off after so many."""

    def __init__(self, stop_after: float = math.inf, found: list[bytes] | None = None) -> None:
        self.kept: list[list[bytes]] = []
        self.stop_after = stop_after
        self.found = from_bytes(b"".join(found)) if found else None

    def due(self) -> bool:
        return True

    def keep(self, checkpoint: Checkpoint, step: int) -> None:
        self.kept.append(checkpoint.to_bytes())
        if len(self.kept) >= self.stop_after:
            raise Terminated


def trained(
    make: Callable[[], Learner],
    keeper: Forgets | None = None,
    seed: int = 1,
    epochs: int = EPOCHS,
    patience: int | None = None,
) -> tuple[History, dict[str, torch.Tensor]]:
    torch.manual_seed(seed)
    learner = make()
    history = train(learner, greys(), epochs, SIZE, patience, seed=3, keeper=keeper)
    return history, everything(learner)


def assert_same(one: tuple[History, dict[str, torch.Tensor]], other: tuple[History, dict[str, torch.Tensor]]) -> None:
    assert list(one[1]) == list(other[1])
    for name, value in one[1].items():
        assert torch.equal(value.nan_to_num(7e7), other[1][name].nan_to_num(7e7)), name
    for history in (one[0], other[0]):
        for row in history.rows:
            assert all(row[name] > 0 for name in APART_FROM_TIME)
    rows = [[{k: v for k, v in row.items() if k not in APART_FROM_TIME} for row in h.rows] for h in (one[0], other[0])]
    assert rows[0] == rows[1]
    assert (one[0].best_epoch, one[0].ended, one[0].skipped_steps) == (
        other[0].best_epoch,
        other[0].ended,
        other[0].skipped_steps,
    )


@every_learner
def test_from_every_checkpoint_the_end_is_that_of_the_whole(make: Callable[[], Learner]) -> None:
    whole, drawer = trained(make), Drawer()
    assert_same(whole, trained(make, drawer))
    steps = -(-len(greys().train) // SIZE)
    assert len(drawer.kept) == EPOCHS * (steps + 1), "after each step, and after each look at the validation rows"
    for kept in drawer.kept:
        assert_same(whole, trained(make, Drawer(found=kept), seed=2))


@every_learner
def test_broken_off_again_and_again(make: Callable[[], Learner]) -> None:
    whole, found, breaks = trained(make), None, 0
    while True:
        drawer = Drawer(stop_after=3, found=found)
        try:
            ended = trained(make, drawer, seed=1 + breaks)
            break
        except Terminated:
            found, breaks = drawer.kept[-1], breaks + 1
    assert breaks == 4, "the last of them after the last step"
    assert_same(whole, ended)


def test_the_best_weights_and_the_patience_left_are_carried_across_the_break() -> None:
    limits: dict[str, Any] = {"epochs": 9, "patience": 2}
    drawer = Drawer()
    whole = trained(wild, **limits)
    assert (whole[0].best_epoch, whole[0].ended, len(whole[0].rows)) == (2, "early", 4)
    trained(wild, drawer, **limits)
    for kept in drawer.kept[6:]:
        assert_same(whole, trained(wild, Drawer(found=kept), seed=2, **limits))


def test_ctrl_c_in_the_middle_of_a_step_keeps_nothing_and_between_two_it_does() -> None:
    def poked(batch: Batch) -> dict[str, torch.Tensor]:
        if learner.steps == 5:
            raise KeyboardInterrupt
        return step(batch)

    class Rare(Drawer):
        def due(self) -> bool:
            return False

    torch.manual_seed(1)
    learner, drawer = amortized(), Rare()
    step, learner.step = learner.step, poked  # pyright: ignore[reportAttributeAccessIssue]
    assert train(learner, greys(), EPOCHS, SIZE, seed=3, keeper=drawer).ended == "interrupted"
    assert not drawer.kept

    class Impatient(Silent):
        refresh_seconds = -1.0

        def show(self, state: State, epoch_ended: bool) -> None:
            if state.done > 0.5:
                raise KeyboardInterrupt

    torch.manual_seed(1)
    assert train(amortized(), greys(), EPOCHS, SIZE, seed=3, progress=Impatient(), keeper=drawer).ended == "interrupted"
    assert_same(trained(amortized), trained(amortized, Drawer(found=drawer.kept[-1]), seed=2))


def test_other_rows_are_refused() -> None:
    drawer = Drawer()
    trained(amortized, drawer)
    for other in (greys(59), greys(binarize="static"), greys().flattened()):
        if fingerprint(other) == fingerprint(greys()):
            assert other.x_shape == greys().x_shape
            continue
        with pytest.raises(DataError) as error:
            train(amortized(), other, EPOCHS, SIZE, keeper=Drawer(found=drawer.kept[0]))
        assert str(error.value) == (
            f"the rows of 'array' are not those that this fit began with (sha256 {fingerprint(other)[:8]}, wanted "
            f"{fingerprint(greys())[:8]}); put those back, or begin a new fit with these."
        )


def test_rows_are_known_by_all_that_says_how_they_are_read() -> None:
    data = from_arrays(torch.rand(20, N_VALUES) < 0.5, mask=torch.rand(20, N_VALUES) < 0.9)
    others = [
        replace(data, train=replace(data.split("train"), **change)) for change in ({"draw_bits": True}, {"scale": 0.5})
    ]
    others += [
        replace(data, train=replace(data.split("train"), mask=None)),
        replace(data, valid=data.test),
        replace(data, levels=3),
    ]
    shapes = replace(data, train=replace(data.split("train"), stored=data.split("train").stored.reshape(-1, 3, 2)))
    assert len({fingerprint(one) for one in (data, shapes, *others)}) == 7
    assert fingerprint(replace(data, name="the same under another name")) == fingerprint(data)


def test_a_checkpoint_grows_by_a_row_an_epoch() -> None:
    drawer = Drawer()
    trained(amortized, drawer)
    sizes = [sum(map(len, kept)) for kept in drawer.kept]
    per_epoch = -(-len(greys().train) // SIZE) + 1
    ends = sizes[2 * per_epoch - 1 :: per_epoch]
    assert all(0 <= late - early <= 14 * 8 + 16 for early, late in pairwise(ends))
