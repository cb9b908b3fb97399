"""Which columns of a discrete event, flattened, make one latent: a bit has one, a code as many as it has states."""

from typing import Any, Literal, NamedTuple

from torch import Tensor, stack
from torch.distributions import Distribution, constraints

from latentia.distributions.discrete import OneHotBlocksSupport


class Columns(NamedTuple):
    """The layout of a discrete event.

    Attributes:
        kind: bits; one-hot codes of one length, an axis for them and one for their states; or one-hot blocks end to end.
        sizes: columns of each latent, in order.
    """

    kind: Literal["bits", "codes", "blocks"]
    sizes: tuple[int, ...]


def discrete_columns(distribution: Distribution) -> Columns | None:
    """The layout of bits, codes or blocks, by the support; None where that is something else or not known.

    >>> import torch
    >>> from torch.distributions import Independent, OneHotCategorical
    >>> discrete_columns(Independent(OneHotCategorical(torch.ones(2, 3)), 1))
    Columns(kind='codes', sizes=(3, 3))
    """
    try:
        support: Any = distribution.support
    except NotImplementedError:
        return None
    while hasattr(support, "base_constraint"):
        support = support.base_constraint
    n = distribution.event_shape.numel()
    if support is constraints.boolean:
        return Columns("bits", (1,) * n)
    if support is constraints.one_hot:
        states = distribution.event_shape[-1]
        return Columns("codes", (states,) * (n // states))
    if isinstance(support, OneHotBlocksSupport):
        return Columns("blocks", tuple(support.sizes))
    return None


def per_latent(values: Tensor, columns: Columns | None) -> Tensor:
    """Numbers of columns summed up to one a latent: (..., columns) -> (..., latents); as they are for reals and bits."""
    if columns is None or columns.kind == "bits":
        return values
    return stack([part.sum(-1) for part in values.split(columns.sizes, -1)], -1)
