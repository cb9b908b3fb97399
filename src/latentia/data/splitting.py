"""Which rows go where: by shares, by a column, by classes in equal shares, and no group in two splits."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latentia.core.errors import DataError
from latentia.data.cut import SPLIT_NAMES, Shares, counts

WORDS = {
    "train": "train", "training": "train",
    "valid": "valid", "validation": "valid", "val": "valid", "dev": "valid",
    "test": "test", "testing": "test",
}  # fmt: skip
Rows = tuple[Tensor, Tensor, Tensor]


def part_named(value: Any) -> str | None:
    """The split that a word means, or None."""
    return WORDS.get(str(value).strip().casefold())


def parts_of_column(name: str, values: Sequence[Any]) -> np.ndarray:
    """(N,) "train", "valid" or "test" from a column that says so.

    Raises:
        DataError: a cell that says something else.
    """
    distinct = {value: part_named(value) for value in dict.fromkeys(values)}
    odd = next((value for value, part in distinct.items() if part is None), None)
    if None in distinct.values():
        row = next(row for row, value in enumerate(values) if distinct[value] is None)
        raise DataError(f"column {name!r} says {str(odd)[:40]!r} in row {row}, wanted train, valid or test; correct it.")
    return np.array([distinct[value] for value in values], dtype=object)


def split_rows(
    n: int,
    shares: Shares,
    seed: int = 0,
    labels: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    parts: np.ndarray | None = None,
) -> Rows:
    """Numbers of the rows of train, valid and test.

    Args:
        n: rows.
        shares: of the three, summing to 1; of rows that ``parts`` leaves open.
        seed: of the order.
        labels: (N,) codes, each of which gets its share of every split, to within two rows.
        groups: (N,) whatever names a group; rows of one group stay together.
        parts: (N,) "train", "valid", "test" for rows whose place is fixed, None for others. A split that is named there
            takes no other rows.

    Raises:
        DataError: too few rows or groups; a group in two splits; no training rows.
    """
    generator = torch.Generator().manual_seed(seed)
    place = np.full(n, -1)
    if parts is not None:
        for index, name in enumerate(SPLIT_NAMES):
            place[parts == name] = index
    free = np.flatnonzero(place < 0)
    order = np.arange(n)
    if len(free):
        left = _shares_left(shares, set(place[place >= 0].tolist()))
        mixed = free[torch.randperm(len(free), generator=generator).numpy()]
        if groups is not None:
            place[mixed] = _by_group(groups[mixed], left, generator)
        elif labels is not None:
            by_class = mixed[np.argsort(labels[mixed], kind="stable")]
            place[by_class] = _in_turn(len(free), left)
        else:
            place[mixed] = np.searchsorted(np.cumsum(counts(len(free), left)), np.arange(len(free)), side="right")
        order = np.concatenate([mixed, np.flatnonzero(~np.isin(order, free))])
    if groups is not None:
        _check_groups(groups, place)
    if not (place == 0).any():
        raise DataError("no row is left for training; give a larger share, or files, to train.")
    train, valid, test = (torch.from_numpy(order[place[order] == index].copy()) for index in range(3))
    return train, valid, test


def _shares_left(shares: Shares, taken: set[int]) -> Shares:
    """Shares of the rows that are open, where some splits are filled already; all of them train where none is left."""
    counts(3, shares)  # refuses shares that are none
    left = [0.0 if index in taken else share for index, share in enumerate(shares)]
    left = left if any(left) else [1.0, 0.0, 0.0]
    train, valid, test = (share / sum(left) for share in left)
    return train, valid, test


def _in_turn(n: int, shares: Shares) -> np.ndarray:
    """(n,) parts such that every stretch of rows gets each part's share, to within two rows, and the whole exactly."""
    quota = np.array(counts(n, shares)) / n
    place, given, due = np.empty(n, int), [0, 0, 0], [0.0, 0.0, 0.0]
    for row in range(n):
        due = [quota[index] * (row + 1) - given[index] for index in range(3)]
        best = due.index(max(due))
        given[best] += 1
        place[row] = best
    return place


def _by_group(groups: np.ndarray, shares: Shares, generator: torch.Generator) -> np.ndarray:
    """(n,) parts: groups from the largest to the smallest, each to the part that lacks most."""
    names, codes, sizes = np.unique(groups.astype(str), return_inverse=True, return_counts=True)
    wanted = [index for index in range(3) if shares[index] > 0]
    if len(names) < len(wanted):
        raise DataError(
            f"there are {len(names)} groups, which cannot be cut into {len(wanted)} parts; group by something finer, "
            "or give fewer parts a share."
        )
    order = torch.randperm(len(names), generator=generator).numpy()
    order = order[np.argsort(-sizes[order], kind="stable")]
    lacking = np.array(shares) * len(groups)
    part, empty = np.zeros(len(names), int), set(wanted)
    for done, group in enumerate(order):
        open_ = empty if len(names) - done <= len(empty) else set(wanted)
        best = max(open_, key=lambda index: (lacking[index], -index))
        part[group] = best
        lacking[best] -= sizes[group]
        empty.discard(best)
    return part[codes.ravel()]


def _check_groups(groups: np.ndarray, place: np.ndarray) -> None:
    names, codes = np.unique(groups.astype(str), return_inverse=True)
    codes = codes.ravel()
    low, high = np.full(len(names), 3), np.full(len(names), -1)
    np.minimum.at(low, codes, place)
    np.maximum.at(high, codes, place)
    leaks = np.flatnonzero(low < high)
    if len(leaks):
        first = leaks[0]
        where = f"{SPLIT_NAMES[low[first]]} and {SPLIT_NAMES[high[first]]}"
        raise DataError(
            f"{len(leaks)} of {len(names)} groups stand in two splits (first {names[first][:40]!r}, in {where}); "
            "leave out the split, or the group."
        )
