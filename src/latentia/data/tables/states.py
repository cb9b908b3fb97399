"""Columns of named states: which states there are, and text that is no such column."""

import re
from typing import Any

import numpy as np

from latentia.core.errors import DataError
from latentia.data.tables.cells import OTHER_DATE, is_text, plain, state_key
from latentia.data.tables.column import MOST_STATES, Column, State

MANY_WORDS, MANY_STATES = 20, 1000
WITH_SIGN = re.compile(r"[+-]?[$€£¥]\s?[\d.,]+|[+-]?[\d.,]+\s?[%‰$€£¥]")
# Of the cells, for what the others are to be called mistakes.
NEARLY_ALL = 0.9


class Leave(Exception):
    """A column is left out."""


def named_column(
    name: str, dtype: str, cells: Any, states: tuple[State, ...], values: np.ndarray, kind: str | None, few_rows: int
) -> tuple[Column, str]:
    """A binary or a category, and why.

    Args:
        name: its header.
        dtype: of the frame.
        cells: (N,) those that hold something.
        states: see ``states_of``.
        values: (N,) the number that each cell could be read as, else NaN.
        kind: what was asked for, or None.
        few_rows: fewer rows than this say nothing about ids.

    Raises:
        DataError: text that is no state; a binary of more than two.
        Leave: ids.
    """
    if kind is None and is_text(cells) and not categorical(cells):
        _refuse_other_text(name, cells, values, len(states), few_rows)
    if kind == "binary" and len(states) != 2:
        raise DataError(f"column {name!r} cannot be 'binary': it has {len(states)} states; use 'category'.")
    if len(states) > (MOST_STATES if kind else MANY_STATES):
        raise DataError(
            f"column {name!r} has {len(states):,} states, too many to learn; leave it out: kinds {name!r}: 'drop'."
        )
    why = "as asked" if kind else f"{len(states) if len(states) > 2 else 'two'} states, {_shown(states)}"
    chosen = "binary" if len(states) == 2 and kind != "category" else "category"
    return Column(name, chosen, dtype, states), why


def states_of(cells: Any) -> tuple[State, ...]:
    """Different states in order: of a category its own order, numbers by size, words by the alphabet."""
    if categorical(cells):
        found = list(cells.cat.remove_unused_categories().cat.categories)
    else:
        found = list(cells.astype(object).unique())
    first: dict[str, State] = {}
    for value in found:
        first.setdefault(state_key(value), plain(value))
    states = tuple(first.values())
    if categorical(cells):
        return states
    return tuple(sorted(states, key=lambda s: (isinstance(s, str), 0.0 if isinstance(s, str) else float(s), str(s))))


def all_boolean(states: tuple[State, ...]) -> bool:
    """Whether every state is True or False."""
    return all(isinstance(state, bool) for state in states)


def categorical(series: Any) -> bool:
    """Whether pandas calls it a category."""
    import pandas as pd

    return isinstance(series.dtype, pd.CategoricalDtype)


def share(cells: Any, pattern: re.Pattern[str]) -> float:
    """Of the cells, how many are text of that form."""
    return float(np.mean([isinstance(cell, str) and pattern.fullmatch(cell.strip()) is not None for cell in cells]))


def _refuse_other_text(name: str, cells: Any, values: np.ndarray, n_states: int, few_rows: int) -> None:
    n, read = len(cells), np.isfinite(values)
    if n > read.sum() >= NEARLY_ALL * n:
        at = int((~read).argmax())
        raise DataError(
            f"column {name!r} holds numbers but for {n - int(read.sum())} of {n} cells (first {str(cells.iloc[at])[:40]!r} "
            f"in row {cells.index[at]}); correct or empty those, or say kinds {name!r}: 'real' to take them as missing."
        )
    if share(cells, OTHER_DATE) >= NEARLY_ALL:
        raise DataError(
            f"column {name!r} looks like dates that can be read in two ways (first {str(cells.iloc[0])[:40]!r}); write them "
            f"as 2020-12-31, or leave the column out: kinds {name!r}: 'drop'."
        )
    if n_states > MANY_WORDS and share(cells, WITH_SIGN) >= NEARLY_ALL:
        raise DataError(
            f"column {name!r} holds numbers with a sign beside them (first {str(cells.iloc[0])[:40]!r}); take it away, or "
            f"leave the column out: kinds {name!r}: 'drop'."
        )
    words = np.mean([len(str(cell).split()) < 2 for cell in cells])
    if n_states == n >= few_rows and words > 0.5:
        raise Leave(f"{n} words that are all different, so ids")
    if n_states > MANY_STATES or (n_states > MANY_WORDS and n_states > n / 2):
        raise DataError(
            f"column {name!r} looks like free text ({n_states:,} different texts in {n:,} cells); leave it out: "
            f"kinds {name!r}: 'drop', or say 'category' if these are states."
        )


def _shown(states: tuple[State, ...]) -> str:
    shown = ", ".join(str(state)[:20] for state in states[:3])
    return shown if len(states) <= 3 else f"{shown}, ..."
