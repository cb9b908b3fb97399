"""A recipe's data section and the rows that it means, from one to the other."""

from typing import Any

from latentia.core.errors import RecipeError
from latentia.data import (
    DATASETS,
    SPLIT_NAMES,
    Dataset,
    as_dataset,
    is_object,
    is_path,
    load_data,
    read_data,
    stays_on_disk,
)
from latentia.recipe import DataSection, encoder_options


def rows_of(section: DataSection, data: Any = None) -> Dataset:
    """The rows of a data section, or those that were given in their place.

    Raises:
        RecipeError: options of one's own data beside the name of a set.
        DataError: what cannot be read.
    """
    options = section.options()
    if data is not None:
        own = not isinstance(data, Dataset) and (is_object(data) or is_path(data) or stays_on_disk(data, options))
        plain = not own and not isinstance(data, Dataset)
        rows = read_data(data, "array", **options) if plain and options else as_dataset(data, **(options if own else {}))
        return rows.flattened() if section.flatten and not rows.flat else rows
    if section.path is not None:
        return read_data(section.path, section.name, **options)
    beyond = [key for key in options if key not in ("binarize", "flatten")]
    if beyond:
        raise RecipeError(f"data.{beyond[0]} is for data of one's own; say data.path, or leave it out.")
    return load_data(section.name, section.binarize, flatten=section.flatten)


def section_of(data: Dataset) -> dict[str, Any]:
    """What a data section says of rows that are here."""
    known: dict[str, Any] = {"name": data.name, "binarize": data.binarize, "flatten": data.flat}
    if data.origin is not None:
        known |= {**data.origin.options, "path": data.origin.path, "fingerprint": data.origin.fingerprint}
    if data.schema is None and data.value_names is not None and data.name not in DATASETS:
        known["value_names"] = list(data.value_names)
    return known | ({"columns": data.schema.to_dict()} if data.schema is not None else {})


def known_of(data: Dataset) -> dict[str, Any]:
    """What such rows say about an encoder of them."""
    missing = any(getattr(data, name).holed for name in SPLIT_NAMES)
    return encoder_options(data.schema, data.counts, missing)
