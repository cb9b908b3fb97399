"""Checks of shape, support and finiteness that answer with a count, a first place and a likely cause, not with a tensor."""

import math
from numbers import Integral
from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution

from latentia.core.errors import LatentiaError, NonFinite, ShapeError, SupportError


def check_counts(**counts: int) -> None:
    """Refuse a number of steps or draws that is not whole, or below 1.

    Raises:
        LatentiaError: with its name.
    """
    for name, value in counts.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
            raise LatentiaError(f"{name} is {value!r}, wanted a whole number, at least 1.")


def check_positive(*, zero: bool = False, **values: float) -> None:
    """Refuse a rate or a tolerance that is not finite, or not above zero (``zero``: below it).

    Raises:
        LatentiaError: with its name.
    """
    for name, value in values.items():
        if not (math.isfinite(value) and (value > 0 or (zero and value == 0))):
            raise LatentiaError(f"{name} is {value}, wanted a finite number {'of at least' if zero else 'above'} 0.")


def first_place(bad: Tensor) -> str:
    """Index of the first True, as text: (N, ...) -> "[3, 17]"."""
    return str(bad.nonzero()[0].tolist())


def check_finite(name: str, value: Tensor, *, cure: str, mask: Tensor | None = None) -> None:
    """Refuse a NaN or an infinity anywhere in ``value`` (where ``mask`` is True, if given).

    Raises:
        NonFinite: with the count, the rows touched and the first place.
    """
    bad = ~torch.isfinite(value)
    if mask is not None:
        bad = bad & expand_mask(mask, value)
    count = int(bad.sum())
    if not count:
        return
    kind = "NaN" if bool(torch.isnan(value[bad]).any()) else "infinite"
    rows = int(bad.reshape(bad.shape[0], -1).any(-1).sum()) if bad.ndim else 1
    where = f", first at {first_place(bad)}" if bad.ndim else ""
    raise NonFinite(f"{name} is {kind} in {count} of {value.numel()} places ({rows} rows){where}; {cure}")


def expand_mask(mask: Tensor, value: Tensor) -> Tensor:
    """A mask over a prefix of ``value``'s axes, given the axes it lacks: -> broadcasts against value."""
    return mask.reshape(mask.shape + (1,) * (value.ndim - mask.ndim))


def check_shape(name: str, got: Size | tuple[int, ...], want: Size | tuple[int, ...], *, cure: str) -> None:
    """Refuse a shape other than the one wanted.

    Raises:
        ShapeError: with both shapes.
    """
    if tuple(got) != tuple(want):
        raise ShapeError(f"{name} has shape {tuple(got)}, wanted {tuple(want)}; {cure}")


def check_support(
    name: str, distribution: Distribution, x: Tensor, *, cure: str, mask: Tensor | None = None, first: int = 0
) -> None:
    """Refuse values outside the support of ``distribution``; x (B, *event_shape), of which the first is row ``first``.

    Raises:
        SupportError: with the count, the range that came and the first row.
    """
    support = distribution.support
    assert support is not None
    if hasattr(support, "name_bad"):
        _check_columns(name, support, x, cure, mask, first)
        return
    bad = ~support.check(x)
    if bad.ndim == 0:
        bad = bad.reshape(1)
    if mask is not None:
        # The support of an event is one answer a row; without the masked cells it must be asked value by value.
        inner = getattr(support, "base_constraint", support)
        bad = (~inner.check(x) & expand_mask(mask, x)).reshape(x.shape[0], -1).any(-1)
    count = int(bad.sum())
    if count:
        seen = x if mask is None else x[expand_mask(mask, x).expand_as(x)]
        lowest, highest = float(seen.min()), float(seen.max())
        raise SupportError(
            f"{count} of {bad.numel()} rows lie outside the support of {name} (values run from {lowest:g} to {highest:g}, "
            f"first at row {first + int(bad.nonzero()[0, 0])}); {cure}"
        )


def _check_columns(name: str, support: Any, x: Tensor, cure: str, mask: Tensor | None, first: int) -> None:
    """As ``check_support``, of a row whose columns have supports of their own: it says which."""
    bad, which = support.name_bad(x, mask)
    count = int(bad.sum())
    if count:
        raise SupportError(
            f"{count} of {len(bad)} rows lie outside the support of {name} in {which}, first at row "
            f"{first + int(bad.nonzero()[0, 0])}; {cure}"
        )
