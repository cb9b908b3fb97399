"""The log-density of the observed part of an event, for rows with missing cells or padding."""

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from latentia.core.checks import expand_mask
from latentia.core.errors import NoClosedForm


def observed_log_prob(distribution: Distribution, x: Tensor, mask: Tensor | None) -> Tensor:
    """log p of the observed entries, in nats, summed over the event.

    Args:
        distribution: batch (..., B), event x_shape; ``Independent`` over the event where there is a mask.
        x: (B, *x_shape); whatever stands in a masked place, NaN included, does not count.
        mask: (B, *prefix of x_shape) True where observed, or None.

    Returns:
        (..., B).

    Raises:
        NoClosedForm: the event does not split into independent entries, so a part of it has no closed marginal.
    """
    if mask is None:
        return distribution.log_prob(x)
    inner = distribution.base_dist if isinstance(distribution, Independent) else distribution
    if not isinstance(distribution, Independent) or inner.event_shape:
        raise NoClosedForm(
            f"a mask needs a likelihood whose entries are independent given z, {type(inner).__name__} is not; "
            "impute the missing cells first or use an independent family."
        )
    base = distribution.base_dist
    seen = expand_mask(mask, x)
    filler = _value_in_support(base, x)
    each = base.log_prob(torch.where(seen, x, filler))
    each = torch.where(seen, each, torch.zeros((), dtype=each.dtype, device=each.device))
    return each.sum(tuple(range(-distribution.reinterpreted_batch_ndims, 0)))


def _value_in_support(base: Distribution, x: Tensor) -> Tensor:
    """A stand-in for a missing value at which log_prob is finite, so that no NaN reaches the gradient."""
    support = base.support
    assert support is not None
    for candidate in (0.0, 0.5, 1.0):
        value = torch.full((), candidate, dtype=x.dtype)  # asked on the CPU, where looking costs no sync
        if bool(support.check(value).all()):
            return value.to(x.device)
    raise NoClosedForm(f"no stand-in for a missing value is known for {type(base).__name__}; impute the cells first.")
