"""Arrays on their way to rows: what their values are taken for, and what is wrong with them, before any step."""

from typing import Any

import numpy as np
import torch

from latentia.core.errors import DataError
from latentia.data.arrays import numbers_of
from latentia.data.reading.material import Material
from latentia.data.reading.options import Options

# Sampled where an array is larger: enough to see what values are.
MOST_NAMED = 3


def array_rows(material: Material, options: Options) -> tuple[Any, Any, bool, list[str]]:
    """(x, mask, whether values are counts, sentences): 0 and 1 become bits, whole numbers from 0 counts.

    Raises:
        DataError: NaN where it was not said that it means missing; infinities.
    """
    x = numbers_of("x", material.x)
    if x.ndim == 1:
        x = x[:, None]
    mask, notes = material.mask, []
    if x.dtype == torch.uint8 and options.reader == "counts":
        x = x.long()
    if x.is_floating_point() and options.nan == "missing":
        seen = ~torch.isnan(x)
        if not bool(seen.all()):
            notes.append(f"{int((~seen).sum()):,} of {seen.numel():,} values are NaN and taken as missing.")
            mask = seen if mask is None else seen & torch.as_tensor(np.asarray(mask)).bool().expand_as(seen)
            x = torch.where(seen, x, x.new_zeros(()))
    if x.is_floating_point():
        _check_finite(x, mask)
    if x.dtype in (torch.bool, torch.uint8) or material.levels is not None:
        return x, mask, False, notes
    low, high = (float(x.min()), float(x.max())) if x.numel() else (0.0, 0.0)
    whole = low >= 0 and (not x.is_floating_point() or bool((x == x.floor()).all()))
    if whole and high <= 1:
        notes.append("values are 0 and 1 only: they are taken as bits.")
        return x.to(torch.uint8), mask, False, notes
    if options.reader == "counts" and not whole:
        first = (x < 0) | (x != x.floor()) if x.is_floating_point() else x < 0
        at = first.nonzero()[0].tolist()
        raise DataError(
            f"{material.shown} holds values that are no counts ({int(first.sum()):,} of {x.numel():,}, first "
            f"{float(x[tuple(at)]):g} at {at}); give the raw counts (array=), or leave out reader."
        )
    if whole:
        notes.append(f"values are whole numbers from 0 to {high:g}: they are taken as counts.")
    elif x.ndim == 2 and len(x) > 1:
        notes += _constant(x, material)
    return x, mask, whole, notes


def _check_finite(x: torch.Tensor, mask: Any) -> None:
    bad = ~torch.isfinite(x)
    if mask is not None:
        seen = torch.as_tensor(np.asarray(mask)).bool()
        if seen.shape == bad.shape[: seen.ndim]:
            bad &= seen.reshape(seen.shape + (1,) * (bad.ndim - seen.ndim))
    if not bool(bad.any()):
        return
    at = bad.nonzero()[0].tolist()
    what = "NaN" if bool(torch.isnan(x[tuple(at)])) else "infinite"
    cure = "say nan='missing' if these were not seen, else correct them" if what == "NaN" else "correct them"
    raise DataError(f"x is {what} in {int(bad.sum()):,} of {x.numel():,} values, first at {at}; {cure}.")


def _constant(x: torch.Tensor, material: Material) -> list[str]:
    still = (x == x[0]).all(0)
    places = still.nonzero().flatten().tolist()
    if not places:
        return []
    names = material.value_names
    shown = ", ".join(str(names[place] if names and len(names) == x.shape[1] else place) for place in places[:MOST_NAMED])
    more = ", ..." if len(places) > MOST_NAMED else ""
    return [
        f"{len(places)} of {x.shape[1]} columns are the same in every row ({shown}{more}); a likelihood with a spread of "
        "its own gains without end there, so leave them out."
    ]
