"""Rows for a fitted run from whatever a user has: a split's name, an array with holes, a table."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from latentia.core.checks import check_shape
from latentia.core.errors import DataError, RecipeError
from latentia.data import DATASETS, Dataset, Schema, Split, checked_split, load_data
from latentia.data.reading.options import options_from
from latentia.data.reading.sources import is_path, material_of
from latentia.data.tables.frames import as_frame, is_table
from latentia.distributions import ColumnLayout

if TYPE_CHECKING:
    import pandas as pd

    from latentia.runs.run import Run

BITS_SEED = 0


@dataclass(frozen=True)
class Rows:
    """What a run is asked about.

    Attributes:
        split: the rows as the model takes them.
        frame: the table that they came from, or None.
        names: of the values of a row or, with a schema, of its columns; None where they have none.
        notes: sentences about cells that could not be read.
    """

    split: Split
    frame: "pd.DataFrame | None"
    names: tuple[str, ...] | None
    notes: list[str]


def schema_of(run: "Run") -> Schema | None:
    """How a table's columns became this run's values: by its data, else by its recipe; None where there was no table."""
    if run.data is not None:
        return run.data.schema
    return None if isinstance(run.recipe, RecipeError) else run.recipe.data.schema_


def layout_of(schema: Schema) -> ColumnLayout:
    """The places of its columns."""
    columns = schema.columns
    return ColumnLayout([c.kind for c in columns], schema.widths, [c.name for c in columns])


def rows_for(run: "Run", data: Any, split: str, mask: Any = None) -> Rows:
    """Rows as a run's model takes them; what is NaN in an array is missing.

    Args:
        run: the run.
        data: a table, rows (N, ...), a file of either, a named data set, a ``Split``, a ``Dataset``; None for the run's own.
        split: which rows of a data set.
        mask: of rows that are an array: (N, *prefix of x_shape) True where observed.

    Raises:
        DataError: a table, but the run was not fitted on one; or rows that are none.
        ShapeError: rows of another shape than those fitted on.
    """
    schema = schema_of(run)
    if isinstance(data, str) and data in DATASETS:
        section = run.known_recipe().data
        binarize = section.binarize if section.name == data else None
        data = load_data(data, binarize, flatten=section.flatten)
    if is_path(data):
        data, mask = _read(run, data, mask)
    if is_table(data):
        if schema is None:
            raise DataError("this run was not fitted on a table, so its columns mean nothing to it; give rows as an array.")
        frame = as_frame(data)
        x, seen, notes = schema.encode(frame)
        found = Rows(checked_split(x, mask=seen)[0], frame, _names(schema), notes)
    elif isinstance(data, Split):
        found = Rows(_frozen(data), None, None, [])
    elif data is None or isinstance(data, Dataset):
        whole = run.dataset(data)
        found = Rows(_frozen(whole.split(split)), None, whole.value_names, [])
    else:
        values, seen = _holed(data, mask)
        found = Rows(checked_split(values, mask=seen)[0], None, None, [])
    cure = "give rows (N, ...) shaped like those fitted on."
    check_shape("a row of the data", found.split.x_shape, run.model.x_shape, cure=cure)
    if schema is not None and found.frame is None:
        found = Rows(found.split, None, _names(schema), [])
    return Rows(found.split.to(run.device), found.frame, found.names, found.notes)


def _read(run: "Run", path: Any, mask: Any) -> tuple[Any, Any]:
    """A table, or an array and its mask, as the run's own file was read."""
    said = {} if isinstance(run.recipe, RecipeError) else run.recipe.data.options()
    of_its_cut = ("label", "group", "split", "splits", "split_seed", "valid", "test", "kinds", "nan")
    found = material_of(path, options_from({k: v for k, v in said.items() if k not in of_its_cut}))
    return (found.frame, None) if found.frame is not None else (found.x, found.mask if mask is None else mask)


def _names(schema: Schema) -> tuple[str, ...]:
    return tuple(column.name for column in schema.columns)


def _frozen(split: Split) -> Split:
    return split.frozen_bits(BITS_SEED) if split.draw_bits else split


def _holed(data: Any, mask: Any) -> tuple[Any, Any]:
    """An array and its mask; NaN in floats says by itself that a value is missing."""
    values = data.detach().cpu() if isinstance(data, Tensor) else data
    if mask is not None:
        return values, mask
    try:
        array = np.asarray(values)
    except (ValueError, TypeError):
        return values, None
    if array.dtype.kind != "f" or not np.isnan(array).any():
        return values, None
    return array, torch.from_numpy(~np.isnan(array))
