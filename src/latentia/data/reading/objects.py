"""Objects of other libraries as rows: torch datasets, Hugging Face datasets, AnnData; found out without importing any."""

from typing import Any

import numpy as np
import torch

from latentia.core.errors import DataError, nearest
from latentia.data.reading.count_files import from_anndata
from latentia.data.reading.image_files import brought, form_of, head_of
from latentia.data.reading.limits import check_bytes
from latentia.data.reading.material import Material
from latentia.data.reading.options import Options
from latentia.data.splitting import part_named
from latentia.data.streaming.array_source import ArrayFile, Stacked
from latentia.data.streaming.parquet_source import TableFile
from latentia.data.tables.frames import as_frame, is_table

ROWS, LABELS = ("x", "image", "img", "pixel_values", "input", "features"), ("y", "label", "labels", "target")


def is_object(source: Any) -> bool:
    """Whether ``from_object`` reads it."""
    return is_table(source) or _home(source) in ("anndata", "datasets") or isinstance(source, torch.utils.data.Dataset)


def from_object(source: Any, options: Options) -> Material:
    """Rows of a frame, an AnnData, a Hugging Face or a torch dataset.

    Raises:
        DataError: a data set without a length, or with items that do not make rows.
    """
    if is_table(source):
        return Material(frame=as_frame(source), shown="the table")
    if _home(source) == "anndata":
        return from_anndata(source, options)
    if _home(source) == "datasets":
        return _hugging_face(source, options)
    return _torch(source, options)


def _home(source: Any) -> str:
    return type(source).__module__.split(".")[0]


def _hugging_face(source: Any, options: Options) -> Material:
    if hasattr(source, "keys"):
        parts = {name: part_named(name) for name in source}
        odd = [name for name, part in parts.items() if part is None]
        if odd:
            raise DataError(f"the data set has a split {odd[0]!r}, wanted train, valid or test; pass one of its splits.")
        materials = [(_hugging_face(source[name], options), part) for name, part in parts.items()]
        return joined(materials)
    if not hasattr(source, "__len__") or not hasattr(source, "features"):
        raise DataError("the data set is streamed and has no length; load it without streaming=True.")
    # Columns as they are stored, whatever a training loop has made of them.
    source = source.with_format(None) if hasattr(source, "with_format") else source
    features = source.features
    pictures = [name for name, feature in features.items() if type(feature).__name__ == "Image"]
    classes = {name: list(f.names) for name, f in features.items() if type(f).__name__ == "ClassLabel"}
    label = options.label if options.label is not None else next(iter(classes), "")
    if label and label not in features:
        raise DataError(f"the data set has no column {label!r}; {nearest(label, list(features))}")
    named = None if not label else _named(source[label], classes.get(label))
    if pictures:
        column = options.array or pictures[0]
        material = _of_pictures(lambda row: source[row][column], len(source), options, "the data set")
        material.labels = named
        material.extras = {} if named is None else {label: named}
        return material
    check_bytes("the data set", int(source.data.nbytes))
    vectors = [name for name, feature in features.items() if _is_array(feature)]
    if vectors:
        return _of_vectors(source, vectors, label, named, options)
    frame = as_frame(source.to_pandas())
    for name, names in classes.items():
        if name in frame:
            frame[name] = _named(frame[name], names)
    if label and options.label is None:
        return Material(frame=frame.drop(columns=[label]), labels=named, shown="the data set")
    return Material(frame=frame, shown="the data set")


def _is_array(feature: Any) -> bool:
    """Whether cells are lists or arrays of numbers."""
    kind = type(feature).__name__
    return kind in ("List", "Sequence", "LargeList", "Array2D", "Array3D", "Array4D", "Array5D") or isinstance(feature, list)


def _of_vectors(source: Any, vectors: list[str], label: str, named: Any, options: Options) -> Material:
    """Rows of a column whose cells are arrays; columns of single numbers or names stand beside them."""
    known = [name for name in ROWS if name in vectors]
    column = options.array or (known[0] if known else vectors[0] if len(vectors) == 1 else None)
    if column not in vectors:
        raise DataError(f"the data set has columns of arrays {', '.join(vectors)}; say which are the rows: array=NAME.")
    try:
        x = np.array(source[column][:])
    except ValueError:
        x = np.empty(0, dtype=object)
    if x.dtype.kind not in "biuf":
        raise DataError(f"the cells of {column!r} are no arrays of numbers of one shape; make them so, or leave it out.")
    extras = {name: np.asarray(source[name][:], dtype=object) for name in source.features if name not in vectors}
    if label:
        extras[label] = named
    return Material(x=x, labels=named, extras=extras, shown="the data set")


def _named(codes: Any, names: list[str] | None) -> np.ndarray:
    known = dict(enumerate(names or []))
    return np.array([known.get(code) if names else code for code in codes], dtype=object)


def _torch(source: Any, options: Options) -> Material:
    if not hasattr(source, "__len__") or not hasattr(source, "__getitem__"):
        raise DataError(
            f"{type(source).__name__} has no length, so it cannot be cut into splits; give a map-style data set."
        )
    if isinstance(source, torch.utils.data.TensorDataset):
        tensors: Any = source.tensors
        labels = tensors[1] if len(tensors) > 1 and tensors[1].ndim == 1 else None
        return Material(x=tensors[0], labels=None if options.label == "" else labels, shown="the data set")
    n = len(source)
    if not n:
        raise DataError("the data set is empty; give one with rows.")
    first, label = _pair(source[0])
    labels = None if label is None or options.label == "" else [_pair(source[row])[1] for row in range(n)]
    if hasattr(first, "convert"):
        material = _of_pictures(lambda row: _pair(source[row])[0], n, options, "the data set")
    else:
        rows = np.asarray(first)
        if rows.dtype == object:
            raise DataError(
                f"an item is a {type(first).__name__}, wanted numbers, a tensor or a picture; transform it first."
            )
        check_bytes("the data set", n * rows.nbytes)
        x = np.empty((n, *(rows.shape or (1,))), rows.dtype)
        for row in range(n):
            item = np.asarray(_pair(source[row])[0])
            if item.shape != rows.shape:
                raise DataError(f"item {row} has shape {item.shape}, item 0 has {rows.shape}; make them one shape.")
            x[row] = item
        material = Material(x=x, shown="the data set")
    material.labels = None if labels is None else np.array([_plain(value) for value in labels], dtype=object)
    return material


def _pair(item: Any) -> tuple[Any, Any]:
    """(row, label or None) of an item: a pair, a mapping, or the row alone."""
    if isinstance(item, tuple | list) and item:
        return item[0], item[1] if len(item) > 1 and np.ndim(item[1]) == 0 else None
    if isinstance(item, dict):
        row = next((item[key] for key in ROWS if key in item), None)
        if row is None:
            raise DataError(f"an item has {', '.join(map(str, item))}, wanted one of {', '.join(ROWS)}; rename it.")
        return row, next((item[key] for key in LABELS if key in item), None)
    return item, None


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _of_pictures(at: Any, n: int, options: Options, shown: str) -> Material:
    form = form_of([head_of(at(row), f"picture {row}") for row in range(n)], options, shown)
    x = np.empty((n, *form.shape), np.uint8)
    for row in range(n):
        x[row] = brought(at(row), form.colour, form.shape[1:], options.aspect)
    resolved = {"size": list(form.shape[1:]), "colour": form.colour}
    return Material(x=x, shown=shown, notes=form.notes, levels=256, resolved=resolved)


def joined(materials: list[tuple[Material, str | None]]) -> Material:
    """Several as one; rows of a material that comes with a split are fixed to it.

    Raises:
        DataError: a table beside an array, or rows of another shape.
    """
    first = materials[0][0]
    if any(isinstance(material.x, TableFile) for material, _ in materials):
        raise DataError("rows of a Parquet file that stays on disk stand alone; put all into one, and say split=COLUMN.")
    if len({material.frame is None for material, _ in materials}) > 1:
        raise DataError("one source is a table and another is not; give files of one kind.")
    parts = [material.parts if part is None else np.full(len(material), part, dtype=object) for material, part in materials]
    known = [np.full(len(m), None, dtype=object) if p is None else p for (m, _), p in zip(materials, parts, strict=True)]
    notes = list(dict.fromkeys(note for material, _ in materials for note in material.notes))
    whole = Material(parts=np.concatenate(known), shown=first.shown, notes=notes, value_names=first.value_names)
    whole.levels, whole.resolved = first.levels, first.resolved
    if all(material.labels is not None for material, _ in materials):
        whole.labels = np.concatenate([np.asarray(material.labels, dtype=object) for material, _ in materials])
    whole.extras = {
        name: np.concatenate([np.asarray(material.extras[name], dtype=object) for material, _ in materials])
        for name in first.extras
        if all(name in material.extras for material, _ in materials)
    }
    if first.frame is not None:
        import pandas as pd

        whole.frame = pd.concat([material.frame for material, _ in materials], ignore_index=True)
        return whole
    shapes = [tuple(material.x.shape[1:]) for material, _ in materials]
    if len(set(shapes)) > 1:
        odd = next(at for at, shape in enumerate(shapes) if shape != shapes[0])
        raise DataError(
            f"rows of {materials[odd][0].shown} have shape {shapes[odd]}, those of {first.shown} {shapes[0]}; make them one."
        )
    if any(isinstance(material.x, ArrayFile) for material, _ in materials):
        if any(material.mask is not None for material, _ in materials):
            raise DataError("a mask beside rows that stay on disk is not read; write NaN there and say nan='missing'.")
        whole.x = Stacked(tuple(m.x if isinstance(m.x, ArrayFile) else np.asarray(m.x) for m, _ in materials))
        return whole
    whole.x = np.concatenate([np.asarray(material.x) for material, _ in materials])
    if all(material.mask is not None for material, _ in materials):
        whole.mask = np.concatenate([np.asarray(material.mask) for material, _ in materials])
    return whole
