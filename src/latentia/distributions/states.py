"""Every state of a discrete event, so that a sum can stand where draws would.

A distribution whose event is made of dependent parts says its states itself, by ``enumerate_states() -> (S, *event_shape)``.
"""

import math
from collections.abc import Callable
from typing import Protocol, cast, runtime_checkable

import torch
from torch import Size, Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, OneHotCategorical

from latentia.core.errors import LatentiaError, NoClosedForm
from latentia.distributions.kl import describe

LIMIT = 4096


@runtime_checkable
class HasStates(Protocol):
    """A discrete distribution that knows its own states."""

    def enumerate_states(self) -> Tensor:
        """(S, *event_shape): each state of an event once, without batch axes."""
        ...


def states(distribution: Distribution, limit: int = LIMIT, cure: str = "draw from it instead") -> Tensor:
    """Every state of an event, once: (S, *event_shape), in the dtype of a draw.

    Args:
        distribution: ``Independent`` bits, one-hot codes or class numbers, or one that offers ``enumerate_states``.
        limit: more states than this are refused before they are made.
        cure: what the error advises.

    Raises:
        LatentiaError: too many states, or they cannot be listed.

    >>> states(Independent(Bernoulli(logits=torch.zeros(7, 2)), 1))
    tensor([[0., 0.],
            [0., 1.],
            [1., 0.],
            [1., 1.]])
    """
    if isinstance(distribution, HasStates):
        try:
            found = distribution.enumerate_states()
        except NoClosedForm as error:
            raise NoClosedForm(f"{error} Here, {cure}.") from None
        _check_count(distribution, len(found), limit, cure)
        return found
    known = _each_and_shape(distribution)
    if known is None:
        raise LatentiaError(
            f"the states of {describe(distribution)} cannot be listed, wanted independent bits, one-hot codes or "
            f"classes, or a distribution with enumerate_states; {cure}."
        )
    each, places = known
    n, d = len(each), places.numel()
    _check_count(distribution, n**d, limit, cure)
    # The digits of 0 .. S-1 in base n, the last place fastest.
    powers = n ** torch.arange(d - 1, -1, -1, device=each.device)
    digits = torch.arange(n**d, device=each.device).unsqueeze(-1) // powers % n
    return each[digits].reshape(n**d, *places, *each.shape[1:])


def _check_count(distribution: Distribution, count: int, limit: int, cure: str) -> None:
    if count > limit:
        told = str(count) if count < 10**7 else f"2^{math.log2(count):.0f}"
        raise LatentiaError(f"{describe(distribution)} has {told} states an event, wanted at most {limit}; {cure}.")


def _each_and_shape(distribution: Distribution) -> tuple[Tensor, Size] | None:
    """The states of one place of the event, and the shape of the places."""
    base, dims = distribution, 0
    while isinstance(base, Independent):
        base, dims = base.base_dist, dims + base.reinterpreted_batch_ndims
    made = next((make for kind, make in _EACH.items() if isinstance(base, kind)), None)
    return None if made is None else (made(base), base.batch_shape[len(base.batch_shape) - dims :])


def _bit(d: Distribution) -> Tensor:
    return torch.tensor([0.0, 1.0]).to(cast("Bernoulli", d).logits)


def _codes(d: Distribution) -> Tensor:
    logits = cast("OneHotCategorical", d).logits
    return torch.eye(logits.shape[-1], dtype=logits.dtype, device=logits.device)


def _classes(d: Distribution) -> Tensor:
    logits = cast("Categorical", d).logits
    return torch.arange(logits.shape[-1], device=logits.device)


_EACH: dict[type[Distribution], Callable[[Distribution], Tensor]] = {
    Bernoulli: _bit,
    OneHotCategorical: _codes,
    Categorical: _classes,
}
