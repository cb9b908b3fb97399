"""From anybody's data to a ``Dataset``: read, cut, and only then scaled, by training rows alone."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latentia.core.errors import DataError, nearest
from latentia.data.arrays import checked_split
from latentia.data.columns import Schema
from latentia.data.cut import Shares
from latentia.data.dataset import Dataset, Origin, from_splits
from latentia.data.reading.fingerprint import Fingerprint, by_what, fingerprint
from latentia.data.reading.labels import label_codes
from latentia.data.reading.levels import dim_bytes
from latentia.data.reading.material import Material
from latentia.data.reading.objects import joined
from latentia.data.reading.options import Options, options_from
from latentia.data.reading.rows import array_rows
from latentia.data.reading.sources import is_path, material_of
from latentia.data.split import Split
from latentia.data.splitting import Rows, parts_of_column, split_rows
from latentia.data.streaming.arrays import dataset_on_disk, is_on_disk
from latentia.data.streaming.budget import streams
from latentia.data.streaming.parquet_source import TableFile
from latentia.data.streaming.tables import table_on_disk
from latentia.data.tables.inferring import Inferred, infer_schema

OF_TABLES = "kinds are of a table's columns, and this is an array; leave them out."


def read_data(source: Any, name: str | None = None, schema: Schema | None = None, **options: Any) -> Dataset:
    """A data set from a file, a folder, a frame, or an object of another library, found out by what it is.

    Tables (CSV and its relatives, Parquet, Feather, frames of pandas and polars) become rows by a schema that is inferred
    from training rows; arrays (.npy, .npz, .safetensors), folders of pictures, counts (.h5ad, AnnData), torch and Hugging
    Face data sets become rows as they are. Nothing is ever unpickled, nothing larger than ``LATENTIA_MAX_BYTES`` held in
    memory: training rows of arrays (.npy, .safetensors, memory maps) and Parquet stay on disk where they are large.

    Args:
        source: a path, or the object.
        name: what to call it; by the path unless said.
        schema: of a table that was read before, in place of an inferred one.
        **options: see ``latentia.data.Options``: label, group, split, splits, kinds, ...

    Raises:
        DataError: what cannot be read, cut or scaled, with what to do.
    """
    said = {key: value for key, value in options.items() if value is not None}
    wanted = options_from(said)
    material = _whole(source, wanted)
    data = _dataset(name or name_of(source), material, wanted, schema)
    if (material.frame is not None or data.schema is not None) and wanted.binarize not in (None, "none"):
        raise DataError(f"binarize={wanted.binarize!r} is for grey levels, and this is a table; leave it out.")
    data = data.binarized(wanted.binarize) if wanted.binarize else data
    data = data.flattened() if wanted.flatten else data
    if not isinstance(data.train, Split):
        material.resolved["stream"] = "always"
    return replace(data, origin=_origin(source, wanted, said, material.resolved))


def read_again(path: str, mark: Mapping[str, Any], schema: Schema | None, name: str, options: Mapping[str, Any]) -> Dataset:
    """What was read before, if it is still the same to the byte.

    Args:
        path: of the file or folder.
        mark: the fingerprint that it had.
        schema: that it got.
        name: what it was called.
        options: how it was read.

    Raises:
        DataError: it is gone, or another one now.
    """
    sources = [Path(one) for one in (path, options.get("valid"), options.get("test")) if one is not None]
    found = fingerprint(sources, Fingerprint(str(mark["sha256"]), int(mark["size"]), int(mark["files"])))
    if found is None or found.sha256 != mark["sha256"]:
        raise DataError(
            f"{path} is no longer what the run was fitted on ({by_what(sources)}); restore it, fit again, or pass the "
            "rows as data."
        )
    return read_data(path, name, schema, **options)


def stays_on_disk(source: Any, options: Mapping[str, Any]) -> bool:
    """Whether it is a mapped array that is to be left where it is."""
    return isinstance(source, np.memmap) and streams(options.get("stream") or "auto", source.nbytes)


def name_of(source: Any) -> str:
    """A name for a run, from a path or the kind of an object."""
    text = Path(source).absolute().name.split(".")[0] if is_path(source) else type(source).__name__.lower()
    return re.sub(r"[^\w+-]", "_", text).lstrip("+-")[:60] or "data"


def _whole(source: Any, options: Options) -> Material:
    """The source, with the files of held-out rows beside it."""
    beside = {"valid": options.valid, "test": options.test}
    given = [(part, other) for part, other in beside.items() if other is not None]
    first = material_of(source, options)
    if not given:
        return first
    if first.parts is not None:
        raise DataError(f"{first.shown} says itself which rows are train, valid and test; leave out valid and test.")
    options = options_from({**_said(options), **first.resolved})
    return joined([(first, None), *((material_of(other, options), part) for part, other in given)])


def _said(options: Options) -> dict[str, Any]:
    return {f.name: getattr(options, f.name) for f in fields(options)}


def _dataset(name: str, material: Material, options: Options, schema: Schema | None) -> Dataset:
    n, on_disk = len(material), is_on_disk(material)
    if options.stream == "always" and not (on_disk or isinstance(material.x, TableFile)):
        raise DataError(
            f"{material.shown} cannot stay on disk; that goes for .npy in C order, .safetensors and Parquet: write one of "
            "those, or leave out stream."
        )
    if isinstance(material.x, TableFile):
        return table_on_disk(name, material, options, schema)
    if not n:
        raise DataError(f"{material.shown} has no rows; give at least one.")
    label, group, split = (_taken(material, getattr(options, key), key) for key in ("label", "group", "split"))
    codes, names, notes = label_codes(options.label or "label", material.labels if label is None else label)
    parts = material.parts if split is None else parts_of_column(str(options.split), split.tolist())
    by_class = codes if options.stratify or (options.stratify is None and group is None) else None
    if options.stratify and codes is None:
        raise DataError("stratify=True needs labels, and there are none; say label=, or leave it out.")
    if options.stratify and group is not None:
        raise DataError("rows are kept together by group, so classes cannot be given equal shares; leave out stratify.")
    notes = material.notes + notes
    if on_disk:
        if options.kinds:
            raise DataError(OF_TABLES)
        return replace(dataset_on_disk(name, material, options, codes, group, parts, notes), label_names=names)
    rows = split_rows(n, _shares(options.splits), options.split_seed, by_class, group, parts)
    labels = None if codes is None else torch.from_numpy(codes)
    if material.frame is not None:
        data = _of_table(name, material.frame, rows, labels, options, schema, notes)
    else:
        data = _of_array(name, material, rows, labels, options, notes)
    return replace(data, label_names=names)


def _of_table(
    name: str, frame: Any, rows: Rows, labels: Tensor | None, options: Options, schema: Schema | None, notes: list[str]
) -> Dataset:
    inferred: Inferred | None = None
    if schema is None:
        inferred = infer_schema(frame.iloc[rows[0].sort().values.numpy()], options.kinds)
        schema = inferred.schema
    aside = {key: "kept aside" for part in ("label", "group", "split") if (key := getattr(options, part))}
    schema = Schema(schema.columns, {**schema.dropped, **aside})
    x, mask, more = schema.encode(frame)
    full = bool(mask.all())
    whole = Split(x, labels=labels, mask=None if full else mask)
    train, valid, test = (whole.take(part) for part in rows)
    data = from_splits(name, train, valid, test, value_names=schema.value_names)
    return replace(data, schema=schema, inferred=inferred, notes=(*notes, *more))


def _of_array(
    name: str, material: Material, rows: Rows, labels: Tensor | None, options: Options, notes: list[str]
) -> Dataset:
    if options.kinds:
        raise DataError(OF_TABLES)
    x, mask, counts, more = array_rows(material, options)
    whole, levels = checked_split(x, mask=mask, levels=options.levels or material.levels)
    more += dim_bytes(x, levels) if (options.levels or material.levels) is None else []
    # Few new rows may be darker than these; they are read as these were.
    material.resolved = {**material.resolved, **({} if levels is None else {"levels": levels})}
    whole = replace(whole, labels=labels)
    train, valid, test = (whole.take(part) for part in rows)
    names = material.value_names
    if names is not None and len(names) != whole.x_shape.numel():
        names = None
    data = from_splits(name, train, valid, test, levels=levels, value_names=names)
    return replace(data, counts=counts, notes=(*notes, *more))


def _taken(material: Material, name: str | None, what: str) -> np.ndarray | None:
    """A column that is kept out of the rows."""
    if not name:
        return None
    if material.frame is not None:
        if name not in material.frame.columns:
            raise DataError(f"{what} is {name!r}, which is no column; {nearest(name, list(material.frame.columns))}")
        column = material.frame[name]
        material.frame = material.frame.drop(columns=[name])
        if not len(material.frame.columns):
            raise DataError(f"{name!r} is the only column, so no row is left; give a table with others.")
        return column.to_numpy(dtype=object)
    if name not in material.extras:
        known = list(material.extras)
        raise DataError(
            f"{what} is {name!r}, which is not there; {nearest(name, known) if known else 'nothing stands beside x.'}"
        )
    return np.asarray(material.extras[name])


def _shares(splits: Sequence[float]) -> Shares:
    if len(splits) != 3:
        raise DataError(f"splits must be three shares that sum to 1, got {tuple(splits)}; for example (0.8, 0.1, 0.1).")
    train, valid, test = (float(share) for share in splits)
    return train, valid, test


def _origin(source: Any, options: Options, said: Mapping[str, Any], resolved: Mapping[str, Any]) -> Origin:
    """Where it was read from, and how, so that it can be read again."""
    sources = [other for other in (source, options.valid, options.test) if other is not None]
    kept = {key: value for key, value in {**said, **resolved}.items() if key not in ("binarize", "flatten")}
    if not all(is_path(one) for one in sources):
        return Origin(None, {key: value for key, value in kept.items() if key not in ("valid", "test")}, None)
    paths = [Path(one).expanduser().absolute() for one in sources]
    for key in ("valid", "test"):
        if key in kept:
            kept[key] = str(Path(kept[key]).expanduser().absolute())
    mark = fingerprint(paths)
    return Origin(str(paths[0]), kept, asdict(mark) if mark else None)
