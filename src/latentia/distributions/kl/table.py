"""Which divergences this library adds to torch's registry, and whether each is a formula or an integral."""

from collections.abc import Callable
from enum import StrEnum

from torch import Tensor
from torch.distributions import Distribution, register_kl

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
        PAIRS[q, p] = method
        return register_kl(q, p)(function)

    return register


def by_quadrature(q: Distribution, p: Distribution) -> bool:
    """Whether the pair is known by an integral only; ``Independent`` is looked through."""
    while hasattr(q, "base_dist") and hasattr(p, "base_dist") and (type(q), type(p)) not in PAIRS:
        q, p = q.base_dist, p.base_dist  # pyright: ignore[reportAttributeAccessIssue]  just asked for
    return PAIRS.get((type(q), type(p))) is Method.QUADRATURE
