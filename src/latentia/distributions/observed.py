"""The log-density of the observed part of an event, for rows with missing cells or padding."""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from latentia.core.checks import expand_mask
from latentia.core.errors import NoClosedForm


@runtime_checkable
class HasObservedParts(Protocol):
    """A distribution whose event is made of parts that are independent, though no ``Independent`` holds them."""

    def observed_column_log_prob(self, value: Tensor, mask: Tensor) -> Tensor:
        """Nats of each part, 0 where it was not seen: value (B, D), mask (B,) or (B, D) -> (..., B, parts)."""
        ...

    def observed_log_prob(self, value: Tensor, mask: Tensor) -> Tensor:
        """Their sum: (..., B)."""
        ...


def observed_log_prob(distribution: Distribution, x: Tensor, mask: Tensor | None) -> Tensor:
    """log p of the observed entries, in nats, summed over the event.

    Args:
        distribution: batch (..., B), event x_shape; ``Independent`` over the event where there is a mask, or one that has a
            method of this name.
        x: (B, *x_shape); whatever stands in a masked place, NaN included, does not count.
        mask: (B, *prefix of x_shape) True where observed, or None.

    Returns:
        (..., B).

    Raises:
        NoClosedForm: the event does not split into independent entries, so a part of it has no closed marginal.
    """
    if mask is None:
        return distribution.log_prob(x)
    if isinstance(distribution, HasObservedParts):
        return distribution.observed_log_prob(x, mask)
    each = observed_parts(distribution, x, mask)
    return each.sum(tuple(range(-len(distribution.event_shape), 0)))


def observed_parts(distribution: Distribution, x: Tensor, mask: Tensor | None) -> Tensor:
    """log p of each part of an event, in nats, 0 where it was not observed; arguments as in ``observed_log_prob``.

    Returns:
        (..., B, *x_shape), or (..., B, parts) of a distribution that says what its parts are, such as a table's columns.

    Raises:
        NoClosedForm: the event does not split into independent entries.
    """
    if isinstance(distribution, HasObservedParts):
        seen = torch.ones_like(x, dtype=torch.bool) if mask is None else mask
        return distribution.observed_column_log_prob(x, seen)
    inner = distribution.base_dist if isinstance(distribution, Independent) else distribution
    if not isinstance(distribution, Independent) or inner.event_shape:
        raise NoClosedForm(
            f"a mask needs a likelihood whose entries are independent given z, {type(inner).__name__} is not; "
            "impute the missing cells first or use an independent family."
        )
    base = distribution.base_dist
    if mask is None:
        return base.log_prob(x)
    seen = expand_mask(mask, x)
    filler = _value_in_support(base, x)
    each = base.log_prob(torch.where(seen, x, filler))
    return torch.where(seen, each, torch.zeros((), dtype=each.dtype, device=each.device))


def _value_in_support(base: Distribution, x: Tensor) -> Tensor:
    """A stand-in for a missing value at which log_prob is finite, so that no NaN reaches the gradient."""
    support = base.support
    assert support is not None
    for candidate in (0.0, 0.5, 1.0):
        value = torch.full((), candidate, dtype=x.dtype)  # asked on the CPU, where looking costs no sync
        if bool(support.check(value).all()):
            return value.to(x.device)
    raise NoClosedForm(f"no stand-in for a missing value is known for {type(base).__name__}; impute the cells first.")
