"""A data set of a Parquet file that stays on disk: its schema in passes over training rows, held-out rows in memory."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from latentia.core.errors import DataError, nearest
from latentia.data.dataset import Dataset, from_splits
from latentia.data.reading.fingerprint import sampled
from latentia.data.reading.labels import NONE, label_codes
from latentia.data.reading.material import Material
from latentia.data.reading.options import Options
from latentia.data.split import Split
from latentia.data.splitting import part_named, parts_of_column
from latentia.data.streaming.arrays import told
from latentia.data.streaming.cutting import Cut, cut_rows
from latentia.data.streaming.kinds import SAMPLE, Part, schema_in_passes
from latentia.data.streaming.parquet_source import ParquetSource, Slices, TableFile
from latentia.data.streaming.streamed import BUFFER_BYTES, Streamed
from latentia.data.tables.inferring import check_kinds
from latentia.data.tables.schema import Schema

ASIDE = ("label", "group", "split")


def table_on_disk(name: str, material: Material, options: Options, schema: Schema | None) -> Dataset:
    """A data set whose training rows stay in a Parquet file; validation and test rows lie in memory.

    Args:
        name: what to call it.
        material: its x a ``TableFile``.
        options: how to read and cut it.
        schema: of a file that was read before, in place of an inferred one.

    Raises:
        DataError: what ``infer_schema`` and ``split_rows`` refuse.
    """
    file: TableFile = material.x
    if not len(file) or not file.names:
        raise DataError(f"{file.path} has {len(file)} rows and {len(file.names)} columns; give a file with some of both.")
    aside = {key: said for key in ASIDE if (said := getattr(options, key))}
    for key, said in aside.items():
        if said not in file.names:
            raise DataError(f"{key} is {said!r}, which is no column; {nearest(said, list(file.names))}")
    columns = [column for column in file.names if column not in aside.values()]
    if not columns:
        raise DataError(f"{next(iter(aside.values()))!r} is the only column, so no row is left; give a table with others.")
    check_kinds(dict(options.kinds), columns)
    codes, names, notes = _labels(file, aside.get("label"))
    groups, parts = _groups(file, aside.get("group")), _parts(file, aside.get("split"))
    cut = cut_rows(len(file), len(columns), options, codes, groups, parts)
    slices = Slices(file.path, columns)
    sample, all_of_it = _sample(slices, cut)
    passed = schema_in_passes(lambda: _training(slices, cut.kept), sample, all_of_it, options.kinds, schema)
    learned = passed.inferred.schema
    learned = Schema(learned.columns, {**learned.dropped, **dict.fromkeys(aside.values(), "kept aside")})
    source = ParquetSource(file.path, learned)
    whole = Streamed(
        source,
        None,
        source.row_shape,
        sampled(file.path),
        passed.looked,
        labels=None if codes is None else torch.from_numpy(codes),
        holed=True,
        observed=passed.observed,
        buffer=BUFFER_BYTES if options.buffer is None else options.buffer << 20,
    )
    valid, test = (whole.take(torch.from_numpy(places)) for places in (cut.valid, cut.test))
    holed = passed.observed < 1 or any(part.mask is not None and not bool(part.mask.all()) for part in (valid, test))
    if not holed:
        valid, test = _without_mask(valid), _without_mask(test)
    labels = None if codes is None else torch.from_numpy(codes[cut.kept])
    train = replace(whole, kept=None if cut.kept.all() else cut.kept, labels=labels, holed=holed)
    data = from_splits(name, train, valid, test, value_names=learned.value_names)
    inferred = replace(passed.inferred, schema=learned) if schema is None else None
    where = f"{material.shown}: {told(whole, len(train))}"
    said = (*material.notes, *notes, *cut.notes, where, *_coarse(slices, train))
    return replace(data, schema=learned, inferred=inferred, label_names=names, notes=said)


def _without_mask(split: Split) -> Split:
    return replace(split, mask=None)


def _coarse(slices: Slices, train: Streamed) -> list[str]:
    """A sentence where whole stretches of the file come out together."""
    groups = int(slices.chains.max(initial=0)) + 1
    if groups >= slices.lanes or train.source.row_bytes * len(train) < train.buffer:
        return []
    return [f"it has {groups} row groups, so that rows far apart in it seldom meet in a batch; write smaller row groups."]


def _sample(slices: Slices, cut: Cut) -> tuple[Any, bool]:
    """(training rows from slices all over the file, whether these are all), by a fixed seed."""
    import pandas as pd

    counts = np.add.reduceat(cut.kept, slices.starts[:-1], dtype=np.int64)
    order = np.arange(len(slices))
    if (all_of_it := int(counts.sum()) <= SAMPLE) is False:
        order = torch.randperm(len(slices), generator=torch.Generator().manual_seed(0)).numpy()
        enough = int(np.searchsorted(np.cumsum(counts[order]), SAMPLE)) + 1
        order = np.sort(order[:enough])
    frames = [_part(slices, int(block), cut.kept).frame() for block in order if counts[block]]
    return pd.concat(frames), all_of_it


def _training(slices: Slices, kept: np.ndarray) -> Iterator[Part]:
    for block in range(len(slices)):
        part = _part(slices, block, kept)
        if len(part.numbers):
            yield part


def _part(slices: Slices, block: int, kept: np.ndarray) -> Part:
    """A slice's training rows."""
    start, stop = int(slices.starts[block]), int(slices.starts[block + 1])
    wanted = kept[start:stop]
    table = slices.read(block)
    return Part(table if wanted.all() else table.filter(wanted), start + np.flatnonzero(wanted))


def _codes(file: TableFile, column: str) -> tuple[np.ndarray, list[Any]]:
    """(code of each row, what each code stands for) of a column, a slice at a time; None stands for an empty cell."""
    slices = Slices(file.path, [column])
    known: dict[Any, int] = {}
    codes = np.empty(len(file), np.int64)
    for block in range(len(slices)):
        told = slices.read(block).column(0).dictionary_encode().combine_chunks()
        own = [known.setdefault(value, len(known)) for value in told.dictionary.to_pylist()]
        if told.null_count:
            own.append(known.setdefault(None, len(known)))
        at = told.indices.fill_null(len(own) - 1).to_numpy(zero_copy_only=False)
        codes[slices.starts[block] : slices.starts[block + 1]] = np.array(own)[at]
    return codes, list(known)


def _labels(file: TableFile, column: str | None) -> tuple[np.ndarray | None, tuple[str, ...] | None, list[str]]:
    if column is None:
        return None, None, []
    codes, distinct = _codes(file, column)
    of, names, notes = label_codes(column, np.array(distinct, dtype=object))
    assert of is not None
    assert names is not None
    found = of[codes]
    notes = [note for note in notes if "no label" not in note]
    if names[-1] == NONE and (none := int((found == len(names) - 1).sum())):
        notes.append(f"{none} of {len(found)} rows have no label.")
    return found, names, notes


def _groups(file: TableFile, column: str | None) -> np.ndarray | None:
    """(N,) short names in the order of the groups' own, by which the cut is that of rows in memory."""
    if column is None:
        return None
    codes, distinct = _codes(file, column)
    names = [str(value) for value in distinct]
    ranks = {name: f"{rank:09d}" for rank, name in enumerate(sorted(set(names)))}
    return np.array([ranks[name] for name in names])[codes]


def _parts(file: TableFile, column: str | None) -> np.ndarray | None:
    if column is None:
        return None
    codes, distinct = _codes(file, column)
    _, first = np.unique(codes, return_index=True)
    if None in distinct:
        distinct = ["" if value is None else value for value in distinct]
    try:
        named = parts_of_column(column, distinct)
    except DataError:
        odd = next(code for code, value in enumerate(distinct) if part_named(value) is None)
        raise DataError(
            f"column {column!r} says {str(distinct[odd])[:40]!r} in row {first[odd]}, wanted train, valid or test; correct "
            "it."
        ) from None
    return named[codes]
