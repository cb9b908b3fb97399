"""From free real numbers to a constrained value and back: torch's bijections, and own ones where torch has none.

Own: increasing vectors, lower Cholesky factors and positive definite matrices from as many numbers as they have degrees of
freedom. The maps are those of Carpenter et al. (2017), Stan: A Probabilistic Programming Language.
"""

import math

import torch
from torch import Size, Tensor
from torch.distributions import Transform, biject_to, constraints, transforms
from torch.distributions.constraints import Constraint

from latentia.core.errors import LatentiaError


class _Ordered(Constraint):
    """Vectors whose entries increase, strictly."""

    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        return (value.diff(dim=-1) > 0).all(-1)


class _PositiveOrdered(Constraint):
    """Vectors of positive numbers that increase, strictly."""

    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        return (value.diff(dim=-1) > 0).all(-1) & (value[..., 0] > 0)


ordered = _Ordered()
"""Vectors whose entries increase."""
positive_ordered = _PositiveOrdered()
"""Vectors of positive entries that increase."""


class Increasing(Transform):
    """(..., D) reals -> an increasing vector: the first number as it is, each later one a positive step further.

    Args:
        positive: whether the first number is a step too, up from zero.
    """

    domain = constraints.real_vector
    bijective = True

    def __init__(self, positive: bool = False) -> None:
        super().__init__()
        self.positive = positive

    @property
    def codomain(self) -> Constraint:  # pyright: ignore[reportIncompatibleVariableOverride]  torch states it as an attribute
        return positive_ordered if self.positive else ordered

    def _call(self, x: Tensor) -> Tensor:
        steps = x.exp()
        return (steps if self.positive else torch.cat([x[..., :1], steps[..., 1:]], -1)).cumsum(-1)

    def _inverse(self, y: Tensor) -> Tensor:
        first = y[..., :1].log() if self.positive else y[..., :1]
        return torch.cat([first, y.diff(dim=-1).log()], -1)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return (x if self.positive else x[..., 1:]).sum(-1)


class LowerTriangle(Transform):
    """(..., D (D + 1) / 2) reals -> a lower triangular (..., D, D) with a positive diagonal."""

    domain = constraints.real_vector
    codomain = constraints.lower_cholesky
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        d = _side(x.shape[-1])
        row, column = torch.tril_indices(d, d, device=x.device)
        lower = x.new_zeros(*x.shape[:-1], d, d)
        lower[..., row, column] = torch.where(row == column, x.exp(), x)
        return lower

    def _inverse(self, y: Tensor) -> Tensor:
        row, column = torch.tril_indices(y.shape[-1], y.shape[-1], device=y.device)
        entries = y[..., row, column]
        on_diagonal = row == column
        return torch.where(on_diagonal, torch.where(on_diagonal, entries, 1.0).log(), entries)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return y.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def forward_shape(self, shape: tuple[int, ...]) -> Size:
        return Size((*shape[:-1], *(_side(shape[-1]),) * 2))

    def inverse_shape(self, shape: tuple[int, ...]) -> Size:
        if len(shape) < 2 or shape[-1] != shape[-2]:
            raise ValueError("a square matrix")
        return Size((*shape[:-2], shape[-1] * (shape[-1] + 1) // 2))


class Square(Transform):
    """A lower Cholesky factor L -> the positive definite L L'; densities are over the lower triangles of both."""

    domain = constraints.lower_cholesky
    codomain = constraints.positive_definite
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        return x @ x.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return torch.linalg.cholesky(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        d = x.shape[-1]
        power = torch.arange(d, 0, -1, dtype=x.dtype, device=x.device)
        return (power * x.diagonal(dim1=-2, dim2=-1).log()).sum(-1) + d * math.log(2)


def _side(entries: int) -> int:
    """D of D (D + 1) / 2."""
    return (math.isqrt(8 * entries + 1) - 1) // 2


_OWN: dict[type[Constraint], Transform] = {
    _Ordered: Increasing(),
    _PositiveOrdered: Increasing(positive=True),
    type(constraints.lower_cholesky): LowerTriangle(),
    type(constraints.positive_definite): transforms.ComposeTransform([LowerTriangle(), Square()]),
}


def bijection(constraint: Constraint) -> Transform:
    """The map from free real numbers onto ``constraint``, with its log |det J|.

    Raises:
        LatentiaError: the constraint is discrete, or no bijection onto it is known; or it joins others along an axis counted
            from the front, where draws have theirs.
    """
    if (own := _OWN.get(type(constraint))) is not None:
        return own
    inner = getattr(constraint, "base_constraint", constraint)
    if isinstance(inner, (constraints.cat, constraints.stack)) and inner.dim >= 0:
        raise LatentiaError(
            f"a {type(inner).__name__.strip('_').lower()} along axis {inner.dim} would take the axis of draws for its own; "
            "count from the end, as in dim=-1, or give each part a parameter of its own."
        )
    try:
        discrete = constraint.is_discrete
        found = None if discrete else biject_to(constraint)
    except NotImplementedError:  # a constraint that depends on others does not even say whether it is discrete
        discrete, found = False, None
    if found is not None and found.bijective:
        return found
    raise LatentiaError(
        f"{'whole numbers' if discrete else type(constraint).__name__.strip('_')} cannot be written as free real numbers; "
        "sum a discrete parameter out, or take a constraint such as real, positive, simplex, ordered, interval(a, b)."
    )


def jacobian_of(transform: Transform, free: Tensor, value: Tensor, lead: int) -> Tensor:
    """log |det dvalue/dfree| summed over all axes after the first ``lead``: -> (*free.shape[:lead])."""
    each = transform.log_abs_det_jacobian(free, value)
    return each.reshape(*free.shape[:lead], -1).sum(-1)
