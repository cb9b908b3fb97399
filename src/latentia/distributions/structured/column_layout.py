"""Where the columns of a table lie in a row's vector: kinds, widths, and the places of each kind side by side."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from latentia.core.errors import ShapeError, nearest
from latentia.distributions.discrete import block_columns

Kind = Literal["real", "positive", "proportion", "binary", "category", "count", "hurdle"]
KINDS: tuple[str, ...] = get_args(Kind)
NORMAL = ("real", "positive")
DISCRETE = ("binary", "category", "count")
# What stands for a missing value: inside of every kind's support, so that no NaN reaches a gradient.
FILLERS = {"proportion": 0.5}


class ColumnLayout:
    """Columns end to end in one vector of D values.

    Args:
        kinds: one a column: real, positive, proportion, binary, category, count or hurdle.
        widths: how many values it takes; its states for a category, 2 for a hurdle, else 1.
        names: of the columns, for messages; "column 0", ... where left out.

    Raises:
        ShapeError: no column, an unknown kind, a width that its kind does not have.
    """

    def __init__(self, kinds: Sequence[str], widths: Sequence[int], names: Sequence[str] | None = None) -> None:
        self.kinds, self.widths = tuple(kinds), tuple(widths)
        self.names = tuple(f"column {i}" for i in range(len(kinds))) if names is None else tuple(names)
        if not self.kinds or not len(self.kinds) == len(self.widths) == len(self.names):
            counts = len(self.kinds), len(self.widths), len(self.names)
            raise ShapeError(
                f"a table has {counts[0]} kinds, {counts[1]} widths, {counts[2]} names; give as many, at least 1."
            )
        for name, kind, width in zip(self.names, self.kinds, self.widths, strict=True):
            if kind not in KINDS:
                raise ShapeError(f"{name} is of kind {kind!r}; {nearest(str(kind), list(KINDS))}")
            wanted = 2 if kind == "hurdle" else 1
            if (width < 1) if kind == "category" else (width != wanted):
                least = "at least 1" if kind == "category" else str(wanted)
                raise ShapeError(f"{name} is of kind {kind!r} and {width} values wide, wanted {least}.")
        starts = [sum(self.widths[:i]) for i in range(len(self.widths))]
        self.starts = tuple(starts)
        self.n_values = sum(self.widths)
        self._tensors: dict[tuple[str, torch.device], Tensor] = {}

    @property
    def places(self) -> tuple[slice, ...]:
        """Where each column's values are."""
        return tuple(slice(start, start + width) for start, width in zip(self.starts, self.widths, strict=True))

    def columns(self, *kinds: str) -> list[int]:
        """Numbers of the columns of these kinds."""
        return [i for i, kind in enumerate(self.kinds) if kind in kinds]

    def has(self, *kinds: str) -> bool:
        """Whether there is a column of these kinds."""
        return any(kind in kinds for kind in self.kinds)

    def at(self, what: str, device: torch.device) -> Tensor:
        """Places of values, long: of a kind's first (or only) values by its name; "second": those of a hurdle's number;
        "category": all states; "blocks", "back": see ``block_columns``; "order": from kinds side by side to columns in
        order; "owner": the column of each value.
        """
        key = what, device
        if key not in self._tensors:
            self._tensors[key] = self._made(what).to(device)
        return self._tensors[key]

    def filler(self, like: Tensor) -> Tensor:
        """(D,) a value of the support for each place."""
        key = f"filler {like.dtype}", like.device
        if key not in self._tensors:
            row = torch.zeros(self.n_values, dtype=like.dtype)
            for i, kind in enumerate(self.kinds):
                row[self.starts[i]] = 1.0 if kind == "category" else FILLERS.get(kind, 0.0)
            self._tensors[key] = row.to(like.device)
        return self._tensors[key]

    def _made(self, what: str) -> Tensor:
        if what == "category":
            blocks = [torch.arange(self.starts[i], self.starts[i] + self.widths[i]) for i in self.columns("category")]
            return torch.cat(blocks) if blocks else torch.zeros(0, dtype=torch.long)
        if what in ("blocks", "back"):
            table, back = block_columns([self.widths[i] for i in self.columns("category")])
            return table if what == "blocks" else back
        if what == "order":
            sides = self.columns(*NORMAL) + [i for kind in SIDE_BY_SIDE for i in self.columns(kind)]
            return torch.tensor(sides).argsort()
        if what == "owner":
            return torch.repeat_interleave(torch.arange(len(self.kinds)), torch.tensor(self.widths))
        kinds = {"normal": NORMAL, "second": ("hurdle",)}.get(what, (what,))
        return torch.tensor([self.starts[i] + (what == "second") for i in self.columns(*kinds)], dtype=torch.long)


# After the normal columns; the order in which a distribution computes kinds.
SIDE_BY_SIDE = ("proportion", "binary", "category", "count", "hurdle")
