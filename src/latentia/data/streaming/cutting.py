"""Which rows of a file go where, when only those that are held out will lie in memory."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from latentia.core.errors import DataError
from latentia.data.cut import CUT_SEED, counts
from latentia.data.reading.limits import shown
from latentia.data.reading.options import Options
from latentia.data.splitting import split_rows

# More rows than these move no held-out figure by what one could see.
MOST_HELD_OUT, HELD_OUT_BYTES = 50_000, 64 << 20
AS_FLOAT = 4


class Cut(NamedTuple):
    """Places of validation and test rows in the file; ``kept`` (N,) True for training rows; sentences."""

    kept: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    notes: list[str]


def cut_rows(
    n: int,
    row_values: int,
    options: Options,
    labels: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    parts: np.ndarray | None = None,
) -> Cut:
    """The same cut as of rows in memory, but that held-out rows are bounded; see ``split_rows``.

    What shares would hold out beyond the bound is trained on; what a column or a file holds out beyond it is left aside.
    Classes get equal shares only where ``stratify`` was said.

    Args:
        n: rows.
        row_values: values of one, by which the bound is set.
        options: splits, split_seed, stratify.
        labels: (N,) codes.
        groups: (N,) codes.
        parts: see ``split_rows``.

    Raises:
        DataError: see ``split_rows``.
    """
    most = max(1, min(MOST_HELD_OUT, HELD_OUT_BYTES // (AS_FLOAT * row_values)))
    if options.stratify and labels is None:
        raise DataError("stratify=True needs labels, and there are none; say label=, or leave it out.")
    by_class = labels if options.stratify else None
    if by_class is None and groups is None and parts is None:
        first, second = counts(n, options.splits)[:2]
        # The cut of ``split_rows``, without a dozen numbers a row.
        order = torch.randperm(n, generator=torch.Generator().manual_seed(options.split_seed))
        held: tuple[Tensor, ...] = (order[first : first + second].clone(), order[first + second :].clone())
        del order
        if not first:
            raise DataError("no row is left for training; give a larger share, or files, to train.")
        kept = np.ones(n, bool)
    else:
        train, *rest = split_rows(n, options.splits, options.split_seed, by_class, groups, parts)
        held = tuple(rest)
        kept = np.zeros(n, bool)
        kept[train.numpy()] = True
    left, bounded = [], []
    for places in held:
        if parts is not None or groups is not None:
            mixed = torch.randperm(len(places), generator=torch.Generator().manual_seed(CUT_SEED))
            places = places[mixed] if len(places) > most else places
        left.append(len(places) - most)
        bounded.append(places[:most].numpy())
        if parts is None and groups is None:
            kept[places[:most].numpy()] = False
            kept[places[most:].numpy()] = True
    notes = []
    if max(left) > 0:
        aside = "left aside" if parts is not None or groups is not None else "trained on"
        size = shown(most * row_values * AS_FLOAT)
        notes.append(
            f"validation and test lie in memory and are {most:,} rows each at most ({size}); "
            f"{sum(max(0, more) for more in left):,} more are {aside}."
        )
    return Cut(kept, bounded[0], bounded[1], notes)
