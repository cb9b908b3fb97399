"""A data set of an array that stays on disk: looked at once from front to back, then cut."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from latentia.core.errors import DataError
from latentia.data.arrays import checked_split, numbers_of
from latentia.data.dataset import Dataset, from_splits
from latentia.data.reading.fingerprint import sampled
from latentia.data.reading.limits import shown
from latentia.data.reading.looking import Look, stretches
from latentia.data.reading.material import Material
from latentia.data.reading.options import Options
from latentia.data.split import Split
from latentia.data.streaming.array_source import ArrayFile, ArraySource, Stacked
from latentia.data.streaming.cutting import cut_rows
from latentia.data.streaming.source import InMemory, Joined, Source
from latentia.data.streaming.streamed import BUFFER_BYTES, EXTRA_BYTES, Streamed

BYTE_LEVELS = 256


def is_on_disk(material: Material) -> bool:
    """Whether its rows are an array that was left there."""
    return isinstance(material.x, ArrayFile | Stacked)


def dataset_on_disk(
    name: str,
    material: Material,
    options: Options,
    labels: np.ndarray | None,
    groups: np.ndarray | None,
    parts: np.ndarray | None,
    notes: list[str],
) -> Dataset:
    """A data set whose training rows stay where they are; validation and test rows lie in memory.

    Every value is looked at before this returns, and the errors are those of an array in memory.

    Args:
        name: what to call it.
        material: its x in files, or in files and arrays.
        options: how to read and cut it.
        labels: (N,) codes.
        groups: (N,) what keeps rows together.
        parts: (N,) "train", "valid" or "test" where it was said.
        notes: sentences so far.

    Raises:
        DataError: what ``checked_split`` and ``split_rows`` refuse.
        NonFinite: numbers that float32 cannot hold.
    """
    x = material.x
    pieces = [x] if isinstance(x, ArrayFile) else list(x.parts)
    pieces = [p.with_axis() if isinstance(p, ArrayFile) else p[:, None] if p.ndim == 1 else p for p in pieces]
    like = numbers_of("x", np.empty((0, *pieces[0].shape[1:]), x.dtype))
    if not len(x) or not like.shape[1:].numel():
        raise DataError(f"x has shape {x.shape}, wanted (rows, ...) with at least one row and one value.")
    as_counts = like.dtype == torch.uint8 and options.reader == "counts"
    dtype = torch.int64 if as_counts else like.dtype
    look = Look(material, options, len(x))
    for piece in pieces:
        _look_at(piece, x.dtype, dtype, look)
    bits, counts, more = look.meaning(dtype)
    packed = torch.uint8 if bits or dtype in (torch.bool, torch.uint8) else torch.float32
    if packed == torch.float32:
        look.check_float32()
    levels = None if packed == torch.float32 else 2 if look.high <= 1 else BYTE_LEVELS
    sources = [_source(piece, packed) for piece in pieces]
    source = sources[0] if len(sources) == 1 else Joined(sources)
    cut = cut_rows(len(x), source.row_shape.numel(), options, labels, groups, parts)
    files = [piece.path for piece in pieces if isinstance(piece, ArrayFile)]
    whole = Streamed(
        source,
        None,
        source.row_shape,
        _mark(files),
        (look.low, look.high, look.whole),
        scale=1.0 if levels is None else 1 / (levels - 1),
        labels=None if labels is None else torch.from_numpy(labels),
        holed=bool(look.missing),
        observed=1 - look.missing / look.values,
        buffer=BUFFER_BYTES if options.buffer is None else options.buffer << 20,
    )
    train, valid, test = parted(whole, cut.kept, cut.valid, cut.test)
    data = from_splits(name, train, valid, test, levels=levels)
    said = f"{material.shown}: {told(whole, len(train))}"
    return replace(data, counts=counts, notes=(*notes, *more, *cut.notes, said))


def parted(whole: Streamed, kept: np.ndarray, valid: np.ndarray, test: np.ndarray) -> tuple[Streamed, Split, Split]:
    """(training rows on disk, validation and test rows in memory)."""
    labels = None if whole.labels is None else whole.labels[torch.from_numpy(kept)]
    train = replace(whole, kept=None if kept.all() else kept, labels=labels)
    held = [whole.take(torch.from_numpy(places)) for places in (valid, test)]
    return train, held[0], held[1]


def told(whole: Streamed, rows: int) -> str:
    """Where the training rows are, in a sentence."""
    buffer = whole.buffer // (whole.source.row_bytes + EXTRA_BYTES)
    size = shown(rows * whole.source.row_bytes)
    return f"its {rows:,} training rows ({size}) stay on disk, and are mixed {min(rows, buffer):,} at a time."


def _look_at(piece: ArrayFile | np.ndarray, joint: np.dtype, dtype: torch.dtype, look: Look) -> None:
    source = ArraySource(piece, torch.float32) if isinstance(piece, ArrayFile) else None
    row = int(np.prod(piece.shape[1:])) * joint.itemsize
    for start, stop in stretches(len(piece), row):
        raw = piece[start:stop] if source is None else source.raw(start, stop)  # pyright: ignore[reportIndexIssue]
        look.add(numbers_of("x", raw.astype(joint, copy=False)).to(dtype))


def _source(piece: ArrayFile | np.ndarray, packed: torch.dtype) -> Source:
    """An array's rows are formed as a file's; it is small, or it would have been left on disk."""
    if isinstance(piece, ArrayFile):
        return ArraySource(piece, packed)
    return InMemory(checked_split(piece)[0].stored.to(packed))


def _mark(files: list[Path]) -> str:
    return " ".join(sampled(path) for path in files)
