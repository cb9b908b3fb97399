"""Splits: sizes by the shares, classes alike, groups whole, and what was fixed stays where it was."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from latentia.data import read_data
from latentia.data.cut import counts
from latentia.data.splitting import parts_of_column, split_rows

quick = settings(max_examples=80, deadline=None, derandomize=True, database=None)
SHARES = st.sampled_from([(0.8, 0.1, 0.1), (0.5, 0.25, 0.25), (0.6, 0.4, 0.0), (1.0, 0.0, 0.0)])


def partition(rows: tuple[torch.Tensor, ...], n: int) -> None:
    together = torch.cat(rows).sort().values
    assert torch.equal(together, torch.arange(n))


@quick
@given(st.integers(3, 200), SHARES, st.integers(0, 5))
def test_sizes_are_the_shares(n: int, shares: tuple[float, float, float], seed: int) -> None:
    rows = split_rows(n, shares, seed)
    partition(rows, n)
    assert tuple(map(len, rows)) == counts(n, shares)
    again = split_rows(n, shares, seed)
    assert all(torch.equal(a, b) for a, b in zip(rows, again, strict=True))


def test_another_seed_is_another_cut() -> None:
    first, second = (split_rows(100, (0.8, 0.1, 0.1), seed)[0] for seed in (0, 1))
    assert not torch.equal(first.sort().values, second.sort().values)


@quick
@given(st.lists(st.integers(0, 4), min_size=3, max_size=150), SHARES, st.integers(0, 5))
def test_every_class_gets_its_share_of_every_split(labels: list[int], shares: tuple[float, float, float], seed: int) -> None:
    codes = np.array(labels)
    rows = split_rows(len(codes), shares, seed, labels=codes)
    partition(rows, len(codes))
    sizes = counts(len(codes), shares)
    assert tuple(map(len, rows)) == sizes
    for code in set(labels):
        of_class = int((codes == code).sum())
        for part, size in zip(rows, sizes, strict=True):
            assert abs(int((codes[part.numpy()] == code).sum()) - of_class * size / len(codes)) < 2


def test_a_rare_class_gets_its_share_too() -> None:
    codes = (np.arange(1000) % 20 == 0).astype(int)
    rows = split_rows(1000, (0.8, 0.1, 0.1), labels=codes)
    assert [int(codes[part.numpy()].sum()) for part in rows] == [40, 5, 5]


@quick
@given(st.lists(st.integers(0, 12), min_size=10, max_size=150).filter(lambda g: len(set(g)) > 2), st.integers(0, 5))
def test_no_group_stands_in_two_splits(groups: list[int], seed: int) -> None:
    names = np.array([f"g{g}" for g in groups])
    rows = split_rows(len(names), (0.6, 0.2, 0.2), seed, groups=names)
    partition(rows, len(names))
    held = [set(names[part.numpy()]) for part in rows]
    assert sum(map(len, held)) == len(set(names))
    assert all(held)


def test_groups_of_one_row_follow_the_shares() -> None:
    rows = split_rows(100, (0.8, 0.1, 0.1), groups=np.arange(100))
    assert tuple(map(len, rows)) == (80, 10, 10)


def test_what_is_fixed_stays_and_the_rest_is_cut() -> None:
    parts = np.full(50, None, dtype=object)
    parts[40:] = "test"
    train, valid, test = split_rows(50, (0.8, 0.1, 0.1), parts=parts)
    assert test.tolist() == list(range(40, 50))
    assert (len(train), len(valid)) == (36, 4)
    parts[:10] = "valid"
    train, valid, test = split_rows(50, (0.8, 0.1, 0.1), parts=parts)
    assert valid.tolist() == list(range(10))
    assert sorted(train.tolist()) == list(range(10, 40))


def test_a_column_says_it(refused: Any) -> None:
    assert parts_of_column("s", ["Train", "VAL", "test", "training"]).tolist() == ["train", "valid", "test", "train"]
    with refused("column 's' says 'tset' in row 1, wanted train, valid or test; correct it."):
        parts_of_column("s", ["train", "tset"])


REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"n": 6, "shares": (0.8, 0.1, 0.1), "groups": np.array(list("aaabbb"))},
        "there are 2 groups, which cannot be cut into 3 parts; group by something finer, or give fewer parts a share.",
    ),
    (
        {
            "n": 4,
            "shares": (1, 0, 0),
            "groups": np.array(list("abab")),
            "parts": np.array(["train", "train", "test", "valid"], dtype=object),
        },
        "2 of 2 groups stand in two splits (first 'a', in train and test); leave out the split, or the group.",
    ),
    (
        {"n": 2, "shares": (1, 0, 0), "parts": np.array(["test", "valid"], dtype=object)},
        "no row is left for training; give a larger share, or files, to train.",
    ),
    (
        {"n": 1, "shares": (0.8, 0.1, 0.1)},
        "1 row cannot be cut into 3 parts (train, valid, test); give at least 3, or splits=(1, 0, 0) to train on all.",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_what_cannot_be_cut_is_refused(arguments: dict[str, Any], message: str, refused: Any) -> None:
    with refused(message):
        split_rows(**arguments)


def test_scales_are_those_of_training_rows_alone(a_frame: Any) -> None:
    """Held-out rows that are a hundred times as large change nothing of the schema."""
    frame = a_frame(60).assign(s=["train"] * 40 + ["valid"] * 10 + ["test"] * 10)
    wild = frame.copy()
    wild.loc[40:, "age"] *= 100
    first, second = (read_data(one, split="s") for one in (frame, wild))
    assert first.schema == second.schema
    assert len(second.train) == 40
    assert float(second.test.values()[:, 0].abs().max()) > 100
