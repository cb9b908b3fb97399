"""A data set: three splits of checked rows, and what a model must know about their values."""

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Size, Tensor

from latentia.core.checks import check_finite
from latentia.core.errors import DataError, nearest
from latentia.data.split import Split

Binarize = Literal["none", "static", "dynamic"]
SplitName = Literal["train", "valid", "test"]
SPLIT_NAMES: tuple[str, ...] = get_args(SplitName)
# Seeds of what must not change between runs: the cut into splits, and the bits of held-out rows.
CUT_SEED = 0
BITS_SEED = {"train": 1, "valid": 2, "test": 3}


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
    """

    name: str
    train: Split
    valid: Split
    test: Split
    levels: int | None = None
    binarize: Binarize = "none"
    label_names: tuple[str, ...] | None = None

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
            DataError: no such split, or it is empty.
        """
        if name not in SPLIT_NAMES:
            raise DataError(f"there is no split {name!r}; {nearest(name, list(SPLIT_NAMES))}")
        split: Split = getattr(self, name)
        if not len(split):
            raise DataError(f"the {name} split of {self.name!r} is empty; give more rows or another split.")
        return split

    def binarized(self, how: Binarize) -> "Dataset":
        """The same rows with their values read as probabilities of a bit.

        Raises:
            DataError: an unknown way, or values outside [0, 1].
        """
        if how not in get_args(Binarize):
            raise DataError(f"binarize is {how!r}; {nearest(str(how), list(get_args(Binarize)))}")
        if how == "none":
            return self
        for name in SPLIT_NAMES:
            values = getattr(self, name).values()
            if values.numel() and not (float(values.min()) >= 0 and float(values.max()) <= 1):
                raise DataError(
                    f"binarize={how!r} reads values as probabilities, {self.name!r} runs from {float(values.min()):g} to "
                    f"{float(values.max()):g} in {name}; scale it to [0, 1] or use binarize='none'."
                )
        parts = {name: getattr(self, name).frozen_bits(BITS_SEED[name]) for name in SPLIT_NAMES}
        if how == "dynamic":
            parts["train"] = replace(self.train, draw_bits=True)
        return replace(self, **parts, levels=2, binarize=how)

    def to(self, device: torch.device | str) -> "Dataset":
        """The same rows on another device."""
        return replace(self, **{name: getattr(self, name).to(device) for name in SPLIT_NAMES})


def from_arrays(
    x: Any,
    labels: Any = None,
    given: Any = None,
    mask: Any = None,
    name: str = "array",
    splits: tuple[float, float, float] = (0.8, 0.1, 0.1),
    binarize: Binarize = "none",
    levels: int | None = None,
    label_names: tuple[str, ...] | None = None,
) -> Dataset:
    """A data set from an array or tensor (N, ...), shuffled by a fixed seed and cut.

    bool, and uint8 that is only 0 and 1, becomes bits; other uint8 becomes grey levels in [0, 1]; other numbers stay as
    they are. (N, height, width) and (N, height, width, channels) become (N, channels, height, width).

    Args:
        x: the rows.
        labels: (N,) whole numbers, or None.
        given: (N, ...) what to condition on, or None.
        mask: (N, *prefix of x's row shape) True where observed; NaN is allowed where it is False.
        name: what to call it.
        splits: shares of train, valid and test, summing to 1.
        binarize: see ``Dataset``.
        levels: grey levels, where x is already scaled to [0, 1].
        label_names: a name for each label.

    Raises:
        DataError: empty, not numeric, or shares that do not sum to 1.
        NonFinite: a NaN or an infinity where nothing is masked.
    """
    if len(splits) != 3 or min(splits) < 0 or abs(sum(splits) - 1) > 1e-6:
        raise DataError(f"splits must be three shares that sum to 1, got {splits}; for example (0.8, 0.1, 0.1).")
    whole, levels = checked_split(x, labels, given, mask, levels)
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(CUT_SEED))
    n_train = len(whole) - round(splits[1] * len(whole)) - round(splits[2] * len(whole))
    ends = [n_train, n_train + round(splits[1] * len(whole))]
    parts = [whole.take(rows) for rows in torch.tensor_split(order, ends)]
    return Dataset(name, *parts, levels=levels, label_names=label_names).binarized(binarize)


def from_splits(
    name: str,
    train: Split,
    valid: Split,
    test: Split,
    levels: int | None = None,
    binarize: Binarize = "none",
    label_names: tuple[str, ...] | None = None,
) -> Dataset:
    """A data set from three splits that someone else has cut; see ``checked_split``."""
    return Dataset(name, train, valid, test, levels=levels, label_names=label_names).binarized(binarize)


def checked_split(
    x: Any, labels: Any = None, given: Any = None, mask: Any = None, levels: int | None = None
) -> tuple[Split, int | None]:
    """Rows with every check that can be made before step 0, and the grey levels of their values."""
    stored, scale, found_levels = _stored(_tensor("x", x))
    n = len(stored)
    label = None if labels is None else _tensor("labels", labels).long()
    condition = None if given is None else _tensor("given", given).float()
    seen = None if mask is None else _tensor("mask", mask).bool()
    for what, t in (("labels", label), ("given", condition), ("mask", seen)):
        if t is not None and len(t) != n:
            raise DataError(f"{what} has {len(t)} rows, x has {n}; give one a row.")
    if stored.is_floating_point():
        check_finite(
            "the data",
            stored,
            cure="drop or impute those rows, or pass mask= with False where a value is missing.",
            mask=seen,
        )
        if seen is not None:
            stored = torch.nan_to_num(stored)
    return Split(stored, scale, False, label, condition, seen), levels or found_levels


def _tensor(name: str, value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach().cpu()
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise DataError(f"{name} holds {array.dtype}, wanted numbers; encode text and categories as numbers first.")
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        array = array.astype(np.int64)
    return torch.from_numpy(np.ascontiguousarray(array))


def _stored(x: Tensor) -> tuple[Tensor, float, int | None]:
    """(rows with channels first, scale, grey levels)."""
    if x.ndim < 2 or not x.numel():
        raise DataError(f"x has shape {tuple(x.shape)}, wanted (rows, ...) with at least one row and one value.")
    if x.ndim == 3:
        x = x.unsqueeze(1)
    elif x.ndim == 4 and x.shape[-1] in (1, 3, 4) and x.shape[1] not in (1, 3, 4):
        x = x.movedim(-1, 1)
    if x.dtype == torch.bool:
        return x.to(torch.uint8).contiguous(), 1.0, 2
    if x.dtype == torch.uint8 and int(x.max()) <= 1:
        return x.contiguous(), 1.0, 2
    if x.dtype == torch.uint8:
        return x.contiguous(), 1 / 255, 256
    return x.to(torch.float32).contiguous(), 1.0, None
