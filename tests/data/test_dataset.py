"""Splits, batches and bits: every row once, and what is random only where it is meant to be."""

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from latentia.data import SPLIT_NAMES, Binarize, Dataset, Split, from_arrays, load_data
from latentia.data.cut import counts

SHARES = [(0.8, 0.1, 0.1), (1.0, 0.0, 0.0), (0.5, 0.0, 0.5), (0.98, 0.01, 0.01), (0.0, 0.5, 0.5), (1 / 3, 1 / 3, 1 / 3)]


@pytest.mark.parametrize("shares", SHARES)
def test_counts_sum_up_keep_near_the_shares_and_leave_no_part_empty(shares: tuple[float, float, float]) -> None:
    for n in range(3, 400):
        sizes = counts(n, shares)
        assert sum(sizes) == n
        for size, share in zip(sizes, shares, strict=True):
            assert (size > 0) == (share > 0), (n, sizes)
            assert abs(size - n * share) < 2, (n, sizes)


@pytest.mark.parametrize("n", [3, 7, 10, 101])
def test_every_row_lands_in_one_split(n: int) -> None:
    data = from_arrays(np.arange(float(n))[:, None])
    found = torch.cat([data.split(name).values().flatten() for name in SPLIT_NAMES])
    assert sorted(found.tolist()) == list(range(n))


def test_an_empty_or_unknown_split_is_refused_when_asked_for(refused: Callable[..., Any]) -> None:
    data = from_arrays(np.zeros((1, 2)), splits=(1.0, 0.0, 0.0), name="one")
    assert len(data.split("train")) == 1
    with refused("the test split of 'one' is empty; give more rows or another split."):
        data.split("test")
    with refused("there is no split 'tets'; did you mean 'test'?"):
        data.split("tets")


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("size", [1, 3, 7, 20, 50])
def test_batches_hold_every_row_once_and_the_last_may_be_small(size: int, shuffle: bool) -> None:
    split = Split(torch.arange(20.0)[:, None], labels=torch.arange(20))
    batches = list(split.batches(size, shuffle, torch.Generator().manual_seed(0)))
    sizes = [len(batch.x) for batch in batches]
    assert sum(sizes) == 20
    assert sizes[:-1] == [size] * (len(sizes) - 1)
    rows = torch.cat([batch.row for batch in batches])
    assert sorted(rows.tolist()) == list(range(20))
    assert_close(torch.cat([batch.x for batch in batches])[:, 0], rows.float())
    assert all(batch.n_rows == 20 for batch in batches)
    assert shuffle != (rows.tolist() == list(range(20)))


def test_a_batch_size_below_one_is_refused(refused: Callable[..., Any]) -> None:
    with refused("the batch size is 0, wanted at least 1."):
        next(Split(torch.zeros(4, 2)).batches(0))


def grey(n: int = 30) -> Dataset:
    return from_arrays(np.random.default_rng(0).integers(0, 17, (n, 6, 5)).astype(np.uint8), levels=17, name="grey")


def epoch(split: Split) -> Tensor:
    return torch.cat([batch.x for batch in split.batches(7)])


def test_dynamic_bits_are_new_each_batch_in_train_only() -> None:
    data = grey().binarized("dynamic")
    assert data.levels == 2
    assert data.binarize == "dynamic"
    assert not torch.equal(epoch(data.split("train")), epoch(data.split("train")))
    assert torch.equal(epoch(data.valid), epoch(data.valid))
    assert torch.equal(epoch(data.test), epoch(data.test))


def test_static_bits_never_change() -> None:
    data = grey().binarized("static")
    for name in SPLIT_NAMES:
        assert torch.equal(epoch(data.split(name)), epoch(grey().binarized("static").split(name)))
        assert set(epoch(data.split(name)).unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("how", ["static", "dynamic"])
def test_held_out_bits_are_the_same_whatever_was_drawn_before(how: Binarize) -> None:
    first = load_data("digits", how)
    torch.rand(17)
    second = load_data("digits", "static")
    assert torch.equal(first.valid.stored, second.valid.stored)
    assert torch.equal(first.test.stored, second.test.stored)


def test_the_splits_draw_their_bits_apart() -> None:
    half = Split(torch.full((50, 20), 0.5))
    data = Dataset("half", half, half, half).binarized("static")
    assert not torch.equal(data.split("train").stored, data.valid.stored)
    assert not torch.equal(data.valid.stored, data.test.stored)


def assert_bits_have_mean(count: Tensor, n: int, p: Tensor, false_alarm: float = 1e-6) -> None:
    """count (D,) sums of independent bits whose n probabilities are p (n / repeats, D), each column repeated evenly.

    Bernstein's inequality for every sum, the false alarm shared among them: a right program fails with a probability below
    ``false_alarm`` over the seeds, for any n.
    """
    variance, mean = n * (p * (1 - p)).mean(0), n * p.mean(0)
    room = math.log(2 * len(count) / false_alarm)
    limit = room / 3 + (room**2 / 9 + 2 * variance * room).sqrt()
    assert bool(((count - mean).abs() <= limit).all())
    assert float(limit.max()) < 0.02 * n  # else the test would see nothing


def test_dynamic_bits_have_the_grey_level_as_their_mean() -> None:
    """False alarm below 1e-6 (Bernstein)."""
    data = load_data("digits")
    rows, draws = torch.arange(200), 100
    count = torch.stack([data.train.batch(rows).x.sum(0) for _ in range(draws)]).sum(0).flatten()
    p = load_data("digits", "none").train.batch(rows).x.flatten(1)
    assert_bits_have_mean(count.double(), draws * len(rows), p.double())


def test_static_bits_have_the_grey_level_as_their_mean() -> None:
    """False alarm below 1e-6 (Bernstein)."""
    p = torch.rand(20_000, 3)
    bits = Split(p).frozen_bits(5).values()
    assert_bits_have_mean(bits.double().sum(0), len(p), p.double())


def test_binarizing_what_cannot_be_is_refused(refused: Callable[..., Any]) -> None:
    real = from_arrays(np.linspace(-2, 3, 40).reshape(20, 2), name="reals", splits=(1.0, 0.0, 0.0))
    with refused(
        "binarize='static' reads values as probabilities, 'reals' runs from -2 to 3 in train; scale it to [0, 1] or use "
        "binarize='none'."
    ):
        real.binarized("static")
    bits = from_arrays(np.eye(20, dtype=bool), name="bits")
    assert bits.binarized("none") is bits
    with refused(
        "the values of 'bits' are bits already, binarize='dynamic' would change nothing; use binarize='none', or data with "
        "grey levels."
    ):
        bits.binarized("dynamic")
    drawn = grey().binarized("dynamic")
    assert drawn.binarized("dynamic") is drawn
    for how in ("none", "static"):
        with refused(f"'grey' was binarized already, binarize='dynamic'; make it again with {how!r}."):
            drawn.binarized(how)
    with refused("binarize is 'statc'; did you mean 'static'?"):
        grey().binarized(cast("Binarize", "statc"))


def test_moving_keeps_everything() -> None:
    data = from_arrays(np.arange(40.0).reshape(20, 2), labels=np.arange(20), given=np.ones((20, 1)), mask=np.ones((20, 2)))
    moved = data.to("meta")
    for name in SPLIT_NAMES:
        split = moved.split(name)
        assert split.labels is not None
        assert split.given is not None
        assert split.mask is not None
        assert {t.device.type for t in (split.stored, split.labels, split.given, split.mask)} == {"meta"}


def test_the_head_of_a_split() -> None:
    split = Split(torch.arange(20.0)[:, None], labels=torch.arange(20))
    assert split.head(3).values().flatten().tolist() == [0, 1, 2]
    assert len(split.head(99)) == 20


@pytest.mark.parametrize(("shape", "image"), [((4,), False), ((6, 5), True), ((6, 5, 3), True), ((2, 6, 5), False)])
def test_an_image_is_grey_or_colour(shape: tuple[int, ...], image: bool) -> None:
    assert from_arrays(np.zeros((20, *shape))).is_image == image
