"""The three parts of a data set, their shares, and the cut that makes them, the same one every time."""

import math
from typing import Literal, get_args

import torch

from latentia.core.errors import DataError
from latentia.data.split import Split

SplitName = Literal["train", "valid", "test"]
SPLIT_NAMES: tuple[str, ...] = get_args(SplitName)
Shares = tuple[float, float, float]
DEFAULT_SHARES: Shares = (0.8, 0.1, 0.1)
# Must not change between runs.
CUT_SEED = 0


def cut(whole: Split, shares: Shares = DEFAULT_SHARES) -> tuple[Split, Split, Split]:
    """Train, valid and test from one split, in an order that a fixed seed shuffled.

    Raises:
        DataError: shares that do not sum to 1, or fewer rows than parts.
    """
    n_train, n_valid, _ = counts(len(whole), shares)
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(CUT_SEED))
    train, valid, test = (whole.take(rows) for rows in torch.tensor_split(order, [n_train, n_train + n_valid]))
    return train, valid, test


def counts(n: int, shares: Shares) -> tuple[int, int, int]:
    """Rows of each part: whole numbers nearest the shares that sum to n, and at least one where a share is above zero.

    >>> counts(1797, (0.8, 0.1, 0.1))
    (1437, 180, 180)
    >>> counts(3, (0.8, 0.1, 0.1))
    (1, 1, 1)

    Raises:
        DataError: shares that do not sum to 1, or fewer rows than parts.
    """
    if len(shares) != 3 or not all(math.isfinite(s) and s >= 0 for s in shares) or abs(sum(shares) - 1) > 1e-6:
        raise DataError(f"splits must be three shares that sum to 1, got {shares}; for example {DEFAULT_SHARES}.")
    wanted = [i for i in range(3) if shares[i] > 0]
    if n < len(wanted):
        names = ", ".join(SPLIT_NAMES[i] for i in wanted)
        raise DataError(
            f"{n} row{'s' * (n != 1)} cannot be cut into {len(wanted)} parts ({names}); give at least {len(wanted)}, "
            "or splits=(1, 0, 0) to train on all."
        )
    exact = [n * share / sum(shares) for share in shares]
    sizes = [int(e) for e in exact]
    by_remainder = sorted(wanted, key=lambda i: sizes[i] - exact[i])
    for i in by_remainder[: n - sum(sizes)]:
        sizes[i] += 1
    for i in wanted:
        if not sizes[i]:
            sizes[sizes.index(max(sizes))] -= 1
            sizes[i] = 1
    return sizes[0], sizes[1], sizes[2]
