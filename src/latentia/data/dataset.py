"""A data set: three splits of checked rows, and what a model must know about their values."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Size

from latentia.core.errors import DataError, ShapeError, nearest
from latentia.data.any_split import AnySplit
from latentia.data.arrays import check_label_names, check_value_names, checked_split
from latentia.data.columns import Schema
from latentia.data.cut import DEFAULT_SHARES, SPLIT_NAMES, Shares, cut
from latentia.data.split import Split
from latentia.data.tables.inferring import Inferred

Binarize = Literal["none", "static", "dynamic"]
# Seeds of what must not change between runs: the bits of held-out rows.
BITS_SEED = {"train": 1, "valid": 2, "test": 3}


@dataclass(frozen=True)
class Origin:
    """Where data of one's own came from.

    Attributes:
        path: of the file or folder; None for an object.
        options: how it was read, by name.
        fingerprint: {"sha256", "size", "files"} of what was read; None for an object.
    """

    path: str | None
    options: Mapping[str, Any]
    fingerprint: Mapping[str, Any] | None


@dataclass(frozen=True)
class Dataset:
    """Rows cut into train, valid and test.

    Attributes:
        name: what it is called.
        train: rows to learn from.
        valid: rows to choose by.
        test: rows to report on.
        levels: grey levels the values were stored with (256 for bytes, 17 for digits, 2 for bits), or None for reals.
        binarize: "none"; "static": every value was drawn as a bit once; "dynamic": training bits are drawn anew each
            batch, held-out bits once, by a fixed seed.
        label_names: a name for each label, or None.
        value_names: a name for each value of a row, in row-major order (words, genes, questions), or None.
        flat: images were made into vectors.
        counts: values are whole numbers from 0 that count something.
        schema: of a table, by which cells became values; None for other rows.
        inferred: why the schema is so, where it was inferred.
        notes: sentences about what was decided on the way.
        origin: of data of one's own, where they came from.
    """

    name: str
    train: AnySplit
    valid: Split
    test: Split
    levels: int | None = None
    binarize: Binarize = "none"
    label_names: tuple[str, ...] | None = None
    value_names: tuple[str, ...] | None = None
    flat: bool = False
    counts: bool = False
    schema: Schema | None = None
    inferred: Inferred | None = None
    notes: tuple[str, ...] = ()
    origin: Origin | None = None

    @property
    def x_shape(self) -> Size:
        """Shape of one row; (channels, height, width) for images."""
        return self.train.x_shape

    @property
    def is_image(self) -> bool:
        """Whether a row can be drawn as one grey or colour picture."""
        return len(self.x_shape) == 3 and self.x_shape[0] in (1, 3)

    def split(self, name: str) -> Split:
        """A split by name.

        Raises:
            DataError: no such split, it is empty, or it stays on disk.
        """
        if name not in SPLIT_NAMES:
            raise DataError(f"there is no split {name!r}; {nearest(name, list(SPLIT_NAMES))}")
        split: AnySplit = getattr(self, name)
        if not isinstance(split, Split):
            raise DataError(
                f"the {len(split):,} rows of {name} of {self.name!r} stay on disk and are not answered for all at once; ask "
                "for 'valid' or 'test', or give some of them as an array."
            )
        if not len(split):
            raise DataError(f"the {name} split of {self.name!r} is empty; give more rows or another split.")
        return split

    def binarized(self, how: Binarize) -> "Dataset":
        """The same rows with their values read as probabilities of a bit.

        Raises:
            DataError: an unknown way, values outside [0, 1], or values that are bits already.
        """
        check_binarize(how)
        if how == self.binarize:
            return self
        if self.binarize != "none":
            raise DataError(f"{self.name!r} was binarized already, binarize={self.binarize!r}; make it again with {how!r}.")
        if self.levels == 2:
            raise DataError(
                f"the values of {self.name!r} are bits already, binarize={how!r} would change nothing; use binarize='none', "
                "or data with grey levels."
            )
        for name in SPLIT_NAMES:
            split: AnySplit = getattr(self, name)
            low, high, _ = split.value_range() if len(split) else (0.0, 0.0, True)
            if not (low >= 0 and high <= 1):
                raise DataError(
                    f"binarize={how!r} reads values as probabilities, {self.name!r} runs from {low:g} to {high:g} in "
                    f"{name}; scale it to [0, 1] or use binarize='none'."
                )
        held_out = SPLIT_NAMES if how == "static" else ("valid", "test")
        parts = {name: getattr(self, name).frozen_bits(BITS_SEED[name]) for name in held_out}
        if how == "dynamic":
            parts["train"] = self.train.drawing_bits()
        return replace(self, **parts, levels=2, binarize=how)

    def flattened(self) -> "Dataset":
        """The same rows as vectors, for models that take no images."""
        return replace(self, **{name: getattr(self, name).flattened() for name in SPLIT_NAMES}, flat=True)

    def to(self, device: torch.device | str) -> "Dataset":
        """The same rows on another device."""
        return replace(self, **{name: getattr(self, name).to(device) for name in SPLIT_NAMES})


def from_arrays(
    x: Any,
    labels: Any = None,
    given: Any = None,
    mask: Any = None,
    name: str = "array",
    splits: Shares = DEFAULT_SHARES,
    binarize: Binarize = "none",
    levels: int | None = None,
    label_names: tuple[str, ...] | None = None,
    value_names: tuple[str, ...] | None = None,
) -> Dataset:
    """A data set from an array or tensor (N, ...), shuffled by a fixed seed and cut.

    bool, and uint8 that is only 0 and 1, becomes bits; other uint8 becomes grey levels in [0, 1]; other numbers stay as
    they are. (N, height, width) and (N, height, width, channels) become (N, channels, height, width).

    Args:
        x: the rows.
        labels: (N,) whole numbers, or None.
        given: (N, ...) what to condition on, or None.
        mask: (N, *prefix of x's row shape) True where observed; values are taken as zero where it is False, so NaN is
            allowed there. For images without a channel axis the mask may lack it too.
        name: what to call it.
        splits: shares of train, valid and test, summing to 1; a share above zero gets at least one row.
        binarize: see ``Dataset``.
        levels: grey levels: of uint8, which is divided by ``levels - 1``, or of numbers already scaled to [0, 1].
        label_names: a name for each label.
        value_names: a name for each value of a row.

    Raises:
        DataError: empty, not numeric, too few rows to cut, shares that do not sum to 1, labels that are no whole numbers,
            values and names that are not as many.
        NonFinite: a NaN or an infinity where nothing is masked.
    """
    check_binarize(binarize)
    whole, levels = checked_split(x, labels, given, mask, levels)
    check_label_names(whole.labels, label_names)
    check_value_names(whole.x_shape, value_names)
    parts = cut(whole, splits)
    return Dataset(name, *parts, levels=levels, label_names=label_names, value_names=value_names).binarized(binarize)


def from_splits(
    name: str,
    train: AnySplit,
    valid: Split,
    test: Split,
    levels: int | None = None,
    binarize: Binarize = "none",
    label_names: tuple[str, ...] | None = None,
    value_names: tuple[str, ...] | None = None,
) -> Dataset:
    """A data set from three splits that someone else has cut; see ``checked_split``.

    Raises:
        ShapeError: rows of one split differ in shape from those of another.
        DataError: a label without a name; values and names that are not as many.
    """
    parts: tuple[AnySplit, ...] = (train, valid, test)
    shapes = [tuple(part.x_shape) for part in parts]
    if len(set(shapes)) > 1:
        raise ShapeError(
            f"rows of train, valid and test have shapes {shapes[0]}, {shapes[1]}, {shapes[2]}; make them one shape."
        )
    for part in parts:
        check_label_names(part.labels, label_names)
    check_value_names(train.x_shape, value_names)
    whole = Dataset(name, train, valid, test, levels=levels, label_names=label_names, value_names=value_names)
    return whole.binarized(binarize)


def as_dataset(data: Any, **options: Any) -> Dataset:
    """A ``Dataset`` as it is; paths, frames and other libraries' data through ``read_data``; arrays through ``from_arrays``.

    Raises:
        DataError: options for what is a ``Dataset`` already, a name in place of rows, or what ``from_arrays`` refuses.
    """
    if isinstance(data, Dataset):
        asked = [name for name, value in options.items() if value is not None]
        if asked:
            raise DataError(
                f"{data.name!r} is a Dataset already, {', '.join(asked)} would be ignored; leave it out, or pass the arrays."
            )
        return data
    from latentia.data.reading.objects import is_object  # the readers need this file
    from latentia.data.reading.reading import read_data, stays_on_disk

    is_there = isinstance(data, os.PathLike) or (isinstance(data, str) and _is_there(data))
    if is_there or is_object(data) or stays_on_disk(data, options):
        return read_data(data, **options)
    if isinstance(data, str):
        raise DataError(f"data is the text {data!r}, wanted rows or a Dataset; load_data({data!r}) reads a set by its name.")
    return from_arrays(data, **options)


def _is_there(path: str) -> bool:
    try:
        return Path(path).expanduser().exists()
    except (OSError, ValueError):
        return False


def check_binarize(how: str) -> None:
    """Refuse an unknown way to binarize.

    Raises:
        DataError: with the nearest known way.
    """
    if how not in get_args(Binarize):
        raise DataError(f"binarize is {how!r}; {nearest(str(how), list(get_args(Binarize)))}")
