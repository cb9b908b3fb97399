"""Rows for a fitted run from whatever a user has: a split's name, an array with holes, a table."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from latentia.core.checks import check_shape
from latentia.core.errors import DataError, RecipeError, nearest
from latentia.data import DATASETS, Dataset, Schema, Split, checked_split, is_object, is_path, load_data, new_rows
from latentia.data.tables.frames import as_frame, is_table
from latentia.distributions import ColumnLayout
from latentia.recipe import DataSection
from latentia.runs.likened import as_the_model_takes_them, named_alike, stored_levels

if TYPE_CHECKING:
    import pandas as pd

    from latentia.runs.taken_away import TakenAway

BITS_SEED = 0


@dataclass(frozen=True)
class Rows:
    """What a run is asked about.

    Attributes:
        split: the rows as the model takes them.
        frame: the table that they came from, or None.
        names: of the values of a row or, with a schema, of its columns; None where they have none.
        notes: sentences about cells that could not be read.
        labels: a name or number of each row's class, or None.
    """

    split: Split
    frame: "pd.DataFrame | None"
    names: tuple[str, ...] | None
    notes: list[str]
    labels: np.ndarray | None = None


def schema_of(run: "TakenAway") -> Schema | None:
    """How a table's columns became this run's values: by its data, else by its recipe; None where there was no table."""
    if run.data is not None:
        return run.data.schema
    return None if isinstance(run.recipe, RecipeError) else run.recipe.data.schema_


def layout_of(schema: Schema) -> ColumnLayout:
    """The places of its columns."""
    columns = schema.columns
    return ColumnLayout([c.kind for c in columns], schema.widths, [c.name for c in columns])


def rows_for(run: "TakenAway", data: Any, split: str = "test", mask: Any = None, exact: bool = False) -> Rows:
    """Rows as a run's model takes them; what is NaN in an array is missing.

    Args:
        run: the run.
        data: a table, rows (N, ...), a file or folder of either, a named data set, a ``Split``, a ``Dataset``; None for the
            run's own.
        split: which rows of a data set.
        mask: of rows that are an array: (N, *prefix of x_shape) True where observed.
        exact: they are asked for their probability, and must be rows that the likelihood holds possible.

    Raises:
        DataError: a table, but the run was not fitted on one; or rows that are none.
        SupportError: values that no such row can have.
        ShapeError: rows of another shape than those fitted on.
    """
    schema = schema_of(run)
    section = section_of_run(run)
    data = as_frame(data) if schema is not None and isinstance(data, Mapping) else data
    own = isinstance(data, str) and section.name == data and section.path is None
    if isinstance(data, str) and not own and not Path(data).exists():
        if data in DATASETS:
            data = load_data(data, flatten=section.flatten)
        elif Path(data).name == data and not Path(data).suffix:
            raise DataError(f"there is no data set, file or folder {data!r}; {nearest(data, list(DATASETS))}")
    if own or data is None or isinstance(data, Dataset):
        whole = run.dataset(None if own else data)
        part = whole.split(split)
        found = Rows(_frozen(part), None, whole.value_names, [], None if part.labels is None else part.labels.cpu().numpy())
    elif isinstance(data, Split):
        found = Rows(_frozen(data), None, None, [])
    elif is_path(data) or is_object(data):
        found = _of_source(run, data, schema, section)
        found = found if mask is None else replace(found, split=checked_split(found.split.values(), mask=mask)[0])
    else:
        values, seen = _holed(data, mask)
        found = Rows(checked_split(values, mask=seen, levels=stored_levels(run, values))[0], None, None, [])
    cure = "give rows (N, ...) shaped like those fitted on."
    check_shape("a row of the data", found.split.x_shape, run.model.x_shape, cure=cure)
    if schema is None and not (own or data is None or isinstance(data, Dataset | Split)):
        found = as_the_model_takes_them(run, found, section, exact)
    names = found.names if schema is None else tuple(column.name for column in schema.columns)
    return replace(found, split=found.split.to(run.device), names=names)


def section_of_run(run: "TakenAway") -> DataSection:
    """What its recipe says of its data, or what can be said where there is no recipe."""
    if not isinstance(run.recipe, RecipeError):
        return run.recipe.data
    return DataSection() if run.data is None else DataSection(name=run.data.name, binarize=run.data.binarize)


def _of_source(run: "TakenAway", data: Any, schema: Schema | None, section: DataSection) -> Rows:
    """A file, a folder, a table or another library's object."""
    if is_table(data) and schema is None:
        raise DataError("this run was not fitted on a table, so its columns mean nothing to it; give rows as an array.")
    options = {**section.options(), "nan": "missing"}
    shape = tuple(run.model.x_shape)
    if schema is None and len(shape) == 3 and shape[0] in (1, 3):
        # Only pictures heed these: others are brought to the form of those that the model knows.
        options = {"size": shape[1:], "colour": "grey" if shape[0] == 1 else "rgb", **options}
    rows, labels, notes, frame, names = new_rows(data, schema, options, lambda x: stored_levels(run, x))
    if schema is not None and frame is not None and not {column.name for column in schema.columns} & set(frame.columns):
        some = ", ".join(column.name for column in schema.columns[:3])
        raise DataError(f"these rows have none of the columns that the run was fitted on ({some}, ...); give some of them.")
    rows = rows.flattened() if section.flatten else rows
    if names is not None and section.value_names is not None and section.value_names != list(names):
        rows, notes = named_alike(rows, names, section.value_names, notes)
    known = names if section.value_names is None else tuple(section.value_names)
    return Rows(rows, None if schema is None else frame, known, notes, labels)


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
