"""From what a user has (an array, a tensor, a data frame) to rows that passed every check that can be made before step 0."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from latentia.core.checks import check_finite, expand_mask, first_place
from latentia.core.errors import DataError
from latentia.data.split import Split

CHANNELS = (1, 3, 4)
CURE_OF_INFINITE = (
    "drop or impute those rows, rescale what float32 cannot hold, or pass mask= with False where none was seen."
)
LARGEST = 1e18


def checked_split(
    x: Any, labels: Any = None, given: Any = None, mask: Any = None, levels: int | None = None
) -> tuple[Split, int | None]:
    """Rows that passed every check, and the grey levels of their values; see ``from_arrays`` for what is accepted.

    What ``mask`` hides is set to zero, so that nothing unobserved can reach a model.

    Raises:
        DataError: with what was wanted, what came and what to do.
        NonFinite: a NaN or an infinity that no mask hides.
    """
    values = numbers_of("x", x)
    if values.ndim == 1 and values.numel():
        raise DataError(f"x has shape {tuple(values.shape)}, wanted (rows, ...); for one value a row pass x[:, None].")
    if values.ndim < 2 or not values.numel():
        raise DataError(f"x has shape {tuple(values.shape)}, wanted (rows, ...) with at least one row and one value.")
    n = len(values)
    seen = None if mask is None else _mask(mask, values)
    values, seen = _channels_first(values, seen)
    if seen is not None:
        values = torch.where(expand_mask(seen, values), values, values.new_zeros(()))
    stored, scale, levels = _stored(values, levels)
    return Split(stored, scale, False, _labels(labels, n), _given(given, n), seen), levels


def check_label_names(labels: Tensor | None, names: tuple[str, ...] | None) -> None:
    """Refuse a label that has no name.

    Raises:
        DataError: with the label and the number of names.
    """
    if labels is None or names is None or not len(labels):
        return
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest >= len(names):
        raise DataError(
            f"labels run from {lowest} to {highest}, and label_names holds {len(names)}; number them from 0 to "
            f"{len(names) - 1}, or name them all."
        )


def check_value_names(x_shape: torch.Size, names: tuple[str, ...] | None) -> None:
    """Refuse names that are not one for each value of a row.

    Raises:
        DataError: with both numbers.
    """
    if names is not None and len(names) != x_shape.numel():
        raise DataError(f"value_names holds {len(names)}, a row has {x_shape.numel()} values; name each of them.")


def numbers_of(name: str, value: Any) -> Tensor:
    """A dense tensor on the CPU of bool, integers or floats.

    Raises:
        DataError: why it cannot be one.
    """
    if isinstance(value, Tensor):
        if value.layout != torch.strided:
            raise DataError(f"{name} is a sparse tensor, wanted a dense one; pass {name}.to_dense().")
        if value.is_complex():
            raise DataError(f"{name} holds {value.dtype}, wanted real numbers; pass its parts side by side.")
        return value.detach().cpu()
    if hasattr(value, "toarray"):
        raise DataError(f"{name} is a sparse matrix, wanted a dense one; pass {name}.toarray().")
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise DataError(
            f"{name} is a masked array, and its mask would be lost; pass {name}.filled(0) and mask=~{name}.mask."
        )
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError):
        raise DataError(f"{name} cannot be read as one array; give rows of one shape, as numbers.") from None
    if array.dtype.kind == "c":
        raise DataError(f"{name} holds {array.dtype}, wanted real numbers; pass its parts side by side.")
    if array.dtype.kind == "O" and not array.ndim:
        raise DataError(f"{name} is a {type(value).__name__}, wanted rows: an array, a tensor, a table or a path.")
    if array.dtype.kind not in "biuf":
        raise DataError(f"{name} holds {array.dtype}, wanted numbers; encode text and categories as numbers first.")
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        array = array.astype(np.int64)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    return torch.from_numpy(np.require(array, requirements=["C", "W"]))


def _rows(name: str, value: Any, n: int) -> Tensor:
    t = numbers_of(name, value)
    if not t.ndim or len(t) != n:
        raise DataError(f"{name} has {len(t) if t.ndim else 'no'} rows, x has {n}; give one a row.")
    return t


def _labels(value: Any, n: int) -> Tensor | None:
    if value is None:
        return None
    t = _rows("labels", value, n)
    if t.ndim != 1:
        raise DataError(
            f"labels has shape {tuple(t.shape)}, wanted ({n},); pass labels.argmax(1) for one-hot rows, "
            "labels.ravel() for a column."
        )
    if t.is_floating_point():
        broken = ~(t == t.round())  # NaN differs from itself
        broken |= torch.isinf(t)
        if bool(broken.any()):
            row = int(broken.nonzero()[0, 0])
            raise DataError(
                f"labels must be whole numbers, {int(broken.sum())} of {n} are not (first {float(t[row]):g} at row {row}); "
                "number the classes 0, 1, 2, ..., or pass real numbers as given=."
            )
    return t.long()


def _given(value: Any, n: int) -> Tensor | None:
    if value is None:
        return None
    t = _rows("given", value, n).float()
    check_finite("given", t, cure="drop or impute those rows; what a model conditions on must be complete.")
    return t


def _mask(value: Any, x: Tensor) -> Tensor:
    t = _rows("mask", value, len(x))
    if tuple(t.shape) != tuple(x.shape[: t.ndim]):
        raise DataError(f"mask has shape {tuple(t.shape)}, wanted {tuple(x.shape)} as x, or a leading part of it.")
    odd = (t != 0) & (t != 1)
    if bool(odd.any()):
        raise DataError(
            f"mask must be True or False, found {float(t[odd][0]):g} at {first_place(odd)}; True marks what was observed."
        )
    if not bool(t.any()):
        raise DataError("mask is False everywhere, so nothing was observed; True marks what was observed, try mask=~mask.")
    return t.bool()


def _channels_first(x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Grey images get a channel axis, channels that come last move to the front; the mask follows."""
    last = x.ndim == 4 and x.shape[-1] in CHANNELS and x.shape[1] not in CHANNELS
    if x.ndim != 3 and not last:
        return x, mask
    moved = x.movedim(-1, 1) if last else x.unsqueeze(1)
    if mask is not None and mask.ndim == 4:
        mask = mask.movedim(-1, 1)
    elif mask is not None and mask.ndim > 1:
        mask = mask.unsqueeze(1).expand(-1, moved.shape[1], *mask.shape[1:])
    return moved, mask if mask is None else mask.contiguous()


def _stored(x: Tensor, levels: int | None) -> tuple[Tensor, float, int | None]:
    """(rows as they are kept, scale, grey levels)."""
    if levels is not None and levels < 2:
        raise DataError(f"levels is {levels}, wanted 2 or more; 256 for bytes, None for real numbers.")
    if x.dtype == torch.bool:
        return x.to(torch.uint8).contiguous(), 1.0, 2
    if x.dtype == torch.uint8:
        highest = int(x.max())
        levels = levels or (2 if highest <= 1 else 256)
        if highest >= levels:
            raise DataError(
                f"x reaches {highest}, and levels={levels} ends at {levels - 1}; use levels={highest + 1} or None."
            )
        return x.contiguous(), 1 / (levels - 1), levels
    stored = x.to(torch.float32).contiguous()
    check_finite("the data", stored, cure=CURE_OF_INFINITE)
    lowest, highest = float(stored.min()), float(stored.max())
    if max(-lowest, highest) > LARGEST:
        raise DataError(
            f"x runs from {lowest:g} to {highest:g}, and squares of more than {LARGEST:g} are beyond float32; rescale it."
        )
    if levels is not None and not (lowest >= 0 and highest <= 1):
        raise DataError(
            f"levels={levels} reads values as grey levels in [0, 1], x runs from {lowest:g} to {highest:g}; "
            "divide by the largest level, or use levels=None."
        )
    return stored, 1.0, levels
