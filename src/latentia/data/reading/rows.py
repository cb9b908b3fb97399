"""Arrays on their way to rows: what their values are taken for, and what is wrong with them, before any step."""

from typing import Any

import numpy as np
import torch

from latentia.data.arrays import numbers_of
from latentia.data.reading.looking import Look, stretches
from latentia.data.reading.material import Material
from latentia.data.reading.options import Options


def array_rows(material: Material, options: Options) -> tuple[Any, Any, bool, list[str]]:
    """(x, mask, whether values are counts, sentences): 0 and 1 become bits, whole numbers from 0 counts.

    Raises:
        DataError: NaN where it was not said that it means missing; infinities.
    """
    x = numbers_of("x", material.x)
    if x.ndim == 1:
        x = x[:, None]
    mask = material.mask
    if x.dtype == torch.uint8 and options.reader == "counts":
        x = x.long()
    look, given = Look(material, options, len(x)), None if mask is None else torch.as_tensor(np.asarray(mask)).bool()
    for start, stop in stretches(len(x), x[:1].numel() * x.element_size()):
        look.add(x[start:stop], given[start:stop] if given is not None and given.ndim else None)
    bits, counts, notes = look.meaning(x.dtype)
    if look.missing:
        seen = ~torch.isnan(x)
        mask = seen if given is None else seen & given.expand_as(seen)
        x = torch.where(seen, x, x.new_zeros(()))
    return x.to(torch.uint8) if bits else x, mask, counts, notes
