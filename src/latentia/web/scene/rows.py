"""Which of a run's rows a page shows, and those rows a piece at a time, wherever they are kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from latentia.core import Batch
from latentia.core.errors import DataError
from latentia.data import SPLIT_NAMES, AnySplit, Dataset, Split
from latentia.evaluation import some_places
from latentia.runs import Run, rows_for
from latentia.runs.rows import BITS_SEED

# Rows that stay on disk are fetched in blocks, of which each should be read once.
FETCHED_BYTES = 32 << 20


class Piece(NamedTuple):
    """Some rows of one split.

    Attributes:
        split: its name.
        batch: the rows as a posterior is asked about them.
        values: (B, *x_shape) the rows as they are shown: greys where the batch has bits that were drawn from them.
        labels: (B,) long, or None.
    """

    split: str
    batch: Batch
    values: Tensor
    labels: Tensor | None


@dataclass(frozen=True)
class Chosen:
    """Rows to show.

    Attributes:
        data: where they come from; None where there are none.
        places: of each split that has rows, their places in it, in order.
        said: which rows these are, in words.
        why_none: where there are none, the reason; it may name files of this machine, and is not for others.
    """

    data: Dataset | None
    places: dict[str, Tensor]
    said: str
    why_none: str = ""

    def __len__(self) -> int:
        return sum(map(len, self.places.values()))


def chosen(run: Run, at_most: int) -> Chosen:
    """All rows of all splits, or of each split its share of ``at_most``, drawn by a fixed seed; none where they are gone."""
    try:
        data = run.dataset()
    except DataError as error:
        return Chosen(None, {}, "no rows: those that the run was fitted on are not at hand", str(error))
    splits = {name: len(getattr(data, name)) for name in SPLIT_NAMES if len(getattr(data, name))}
    total = sum(splits.values())
    if total <= at_most:
        return Chosen(data, {name: torch.arange(n) for name, n in splits.items()}, f"all {total:,} rows")
    shares = {name: max(1, at_most * n // total) for name, n in splits.items()}
    places = {name: some_places(n, shares[name]) for name, n in splits.items()}
    kept = sum(map(len, places.values()))
    return Chosen(data, places, f"{kept:,} of {total:,} rows, drawn by a fixed seed")


def first_split(chosen: Chosen, n: int) -> Split:
    """The first n of the rows that there are, or all where their split has fewer."""
    name, places = next(iter(chosen.places.items()))
    split: AnySplit = getattr(chosen.data, name)
    return split.take(places[:n].to(split.device))


def pieces(run: Run, chosen: Chosen, size: int) -> Iterator[Piece]:
    """The rows in order, ``size`` at once, on the run's device.

    Bits that training draws anew each time are drawn as ``Run.encode`` draws them.
    """
    for name, places in chosen.places.items():
        split: AnySplit = getattr(chosen.data, name)
        # Bits of a whole split come from one stream; of rows on disk, each fetch begins it again.
        asked = rows_for(run, chosen.data, name).split if isinstance(split, Split) else split
        at_once = max(size, FETCHED_BYTES // (4 * split.x_shape.numel()) // size * size)
        for fetched in places.split(at_once):
            rows = asked.take(fetched.to(asked.device))
            bits = rows.frozen_bits(BITS_SEED) if rows.draw_bits else rows
            greys = split.take(fetched.to(split.device)) if split.draw_bits else None
            bits = bits.to(run.device)
            for part in torch.arange(len(fetched)).split(size):
                batch = bits.batch(part.to(run.device))
                shown = batch.x if greys is None else greys.take(part.to(greys.device)).values()
                batch = batch._replace(row=fetched[part].to(run.device), n_rows=len(split))
                labels = None if rows.labels is None else rows.labels[part.to(rows.labels.device)].cpu()
                yield Piece(name, batch, shown.cpu(), labels)
