"""Which divergences this library adds to torch's registry, and whether each is a formula or an integral."""

from collections.abc import Callable
from enum import StrEnum
from functools import wraps

from torch import Tensor
from torch.distributions import Distribution, register_kl

from latentia.core.errors import ShapeError

Divergence = Callable[..., Tensor]


class Method(StrEnum):
    """How a divergence is computed."""

    CLOSED = "closed form"
    QUADRATURE = "quadrature"


# (type of q, type of p) -> how KL(q || p) is computed.
PAIRS: dict[tuple[type[Distribution], type[Distribution]], Method] = {}


def divergence(
    q: type[Distribution], p: type[Distribution], method: Method = Method.CLOSED
) -> Callable[[Divergence], Divergence]:
    """Register KL(q || p) with torch, and here with its method; several may decorate one function."""

    def register(function: Divergence) -> Divergence:
        @wraps(function)
        def checked(one: Distribution, other: Distribution) -> Tensor:
            if one.event_shape != other.event_shape:
                raise ShapeError(
                    f"KL: q has event {tuple(one.event_shape)} and p has {tuple(other.event_shape)}; "
                    "they must live on one space (Independent turns batch axes into event axes)."
                )
            return function(one, other)

        PAIRS[q, p] = method
        register_kl(q, p)(checked)
        return function

    return register


def by_quadrature(q: Distribution, p: Distribution) -> bool:
    """Whether the pair is known by an integral only; ``Independent`` is looked through."""
    while hasattr(q, "base_dist") and hasattr(p, "base_dist") and (type(q), type(p)) not in PAIRS:
        q, p = q.base_dist, p.base_dist  # pyright: ignore[reportAttributeAccessIssue]  just asked for
    # As torch dispatches: on the nearest classes that are registered.
    pairs = ((a, b) for a in type(q).__mro__ for b in type(p).__mro__)
    return next((PAIRS[pair] for pair in pairs if pair in PAIRS), None) is Method.QUADRATURE
