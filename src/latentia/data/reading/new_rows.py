"""Rows that come after the fit, read by the rules of the rows that a model was fitted on."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from latentia.core.errors import DataError
from latentia.data.arrays import checked_split
from latentia.data.columns import Schema
from latentia.data.reading.options import options_from
from latentia.data.reading.sources import material_of
from latentia.data.split import Split
from latentia.data.tables.cells import numbers

# Options of a fit that say nothing about how a row is read.
AT_FIT = ("valid", "test", "kinds", "splits", "split_seed", "stratify", "binarize", "flatten", "stream", "buffer")
ASIDE = ("label", "group", "split")


class NewRows(NamedTuple):
    """Rows, what names their classes (or None), sentences about what could not be read, their table, their values' names."""

    rows: Split
    labels: np.ndarray | None
    notes: list[str]
    frame: Any = None
    names: tuple[str, ...] | None = None


def new_rows(
    source: Any,
    schema: Schema | None = None,
    options: Mapping[str, Any] | None = None,
    levels: Callable[[Any], int | None] | None = None,
) -> NewRows:
    """Rows of a file, a folder or an object.

    A table is read by the schema: what is missing, unseen or unreadable is masked and noted, and nothing is refused. A label
    column may be missing.

    Args:
        source: as ``read_data`` takes it.
        schema: of the rows that the model was fitted on, where those were a table.
        options: how those were read.
        levels: the grey levels of an array, from the array, where its source does not say them.

    Raises:
        DataError: what cannot be read; a table for a model of arrays that holds text.
    """
    said = dict(options or {})
    aside = {key: str(said.pop(key)) for key in ASIDE if said.get(key)}
    said = {key: value for key, value in said.items() if key not in AT_FIT}
    # They are answered for in memory, and refused where that would not hold them.
    wanted = options_from({**said, "stream": "never"})
    material = material_of(source, wanted)
    label = aside.get("label")
    if material.frame is None:
        if schema is not None:
            raise DataError(f"{material.shown} is no table, and the model was fitted on one; give a table.")
        if wanted.nan == "missing" and material.mask is None:
            array = np.asarray(material.x)
            if array.dtype.kind == "f":
                material.mask = ~np.isnan(array)
        labels = material.extras.get(label) if label else material.labels
        grey = material.levels or (None if levels is None else levels(material.x))
        split = checked_split(material.x, mask=material.mask, levels=grey)[0]
        return NewRows(split, None if labels is None else np.asarray(labels), material.notes, names=material.value_names)
    frame = material.frame
    labels = frame[label].to_numpy(dtype=object) if label in frame.columns else None
    if schema is None:
        return NewRows(_plain(frame, material.shown), labels, material.notes, frame)
    encoded = schema.encode(frame)
    split = Split(encoded.x, mask=None if bool(encoded.mask.all()) else encoded.mask)
    return NewRows(split, labels, [*material.notes, *encoded.notes], frame)


def _plain(frame: Any, shown: str) -> Split:
    """A table of numbers alone as an array."""
    x = np.stack([numbers(frame[name]) for name in frame.columns], 1)
    text = [name for place, name in enumerate(frame.columns) if np.isnan(x[:, place]).all()]
    if text:
        raise DataError(
            f"column {text[0]!r} of {shown} holds no numbers, and the model was fitted on an array; leave it out, or fit on "
            "the table."
        )
    seen = ~np.isnan(x)
    split = checked_split(np.where(seen, x, 0.0), mask=None if seen.all() else seen)[0]
    return replace(split, labels=None)
