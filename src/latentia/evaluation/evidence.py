"""log p(x) as the model itself says it, where it can."""

import inspect

import torch
from torch import Tensor

from latentia.core.errors import LatentiaError
from latentia.data import Split
from latentia.models import GenerativeModel, HasExactPosterior

ROWS_AT_ONCE = 200


def log_evidence(model: GenerativeModel, rows: Split) -> tuple[str, Tensor] | None:
    """How the model says log p(x) of ``rows`` without z, and what it says, (N,) nats; None where it cannot."""
    say, of_batch = getattr(model, "log_marginal", None), getattr(model, "log_evidence", None)
    if of_batch is not None:
        try:
            with torch.no_grad():
                return "exact", torch.cat([of_batch(batch) for batch in rows.batches(ROWS_AT_ONCE)])
        except LatentiaError:  # more work than a machine should do
            return None
    if say is None:
        return None
    holed = rows.mask is not None
    if holed and "mask" not in inspect.signature(say).parameters:
        return None
    with torch.no_grad():
        found = torch.cat([say(b.x, mask=b.mask) if holed else say(b.x) for b in rows.batches(ROWS_AT_ONCE)])
    return "exact" if isinstance(model, HasExactPosterior) else "by quadrature", found
