"""The observed part of an event: draws of all of it, the density of what was seen.

Little & Rubin (2002), Statistical Analysis with Missing Data, chapter 6 (values missing at random are integrated out).
"""

import math
from typing import Any, Self

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, constraints
from torch.types import _size

from latentia.core.errors import NoClosedForm, ShapeError
from latentia.distributions.entry import Entry, How
from latentia.distributions.kl import describe
from latentia.distributions.observed import observed_log_prob
from latentia.distributions.parametric import Parametric
from latentia.distributions.structured.parts import innermost, support_of


class _WhereObserved(constraints.Constraint):
    """A support asked value by value, of the observed values alone."""

    def __init__(self, support: constraints.Constraint, mask: Tensor, event_dim: int) -> None:
        self.base_constraint, self._support, self._mask = innermost(support), support, mask
        self.is_discrete, self.event_dim = support.is_discrete, event_dim
        super().__init__()

    def check(self, value: Tensor) -> Tensor:
        if self.base_constraint.event_dim:
            return self._support.check(value)
        good = self.base_constraint.check(value) | ~self._mask
        return good.flatten(-self.event_dim).all(-1)

    def __repr__(self) -> str:
        return f"{self.base_constraint!r} where it is observed"


class Masked(Parametric):
    """``base`` with a density over its observed entries alone; what stands in another place, NaN included, does not count.

    Args:
        base: batch (*batch), event (*event): ``Independent`` over all of the event, or a ``MultivariateNormal``, whose
            marginal is exact.
        mask: boolean, True where observed; its shape is a prefix of (*batch, *event), and axes it lacks are one with it.

    Draws, moments and mode are those of ``base``, of the whole event.

    Raises:
        ShapeError: a mask of another shape or dtype; a base without event axes.
        NoClosedForm: ``log_prob`` of any other base, as no part of it has a closed marginal.
    """

    def __init__(self, base: Distribution, mask: Tensor, validate_args: bool | None = None) -> None:
        whole = base.batch_shape + base.event_shape
        if mask.dtype != torch.bool or not base.event_shape or mask.shape != whole[: mask.ndim]:
            raise ShapeError(
                f"Masked: mask is {mask.dtype} {tuple(mask.shape)}, wanted torch.bool and the first axes of batch and event "
                f"{tuple(base.batch_shape)} + {tuple(base.event_shape)}, of which the event must have some."
            )
        self.base = base
        self.mask = mask.reshape(mask.shape + (1,) * (len(whole) - mask.ndim)).expand(whole)
        self._set({}, base.batch_shape, base.event_shape, validate_args)

    @property
    def has_rsample(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.base.has_rsample

    @property
    def support(self) -> constraints.Constraint:  # pyright: ignore[reportIncompatibleVariableOverride]
        return _WhereObserved(support_of(self.base), self.mask, len(self.event_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density of the observed entries in nats: value (..., *event) -> (...).

        Raises:
            NoClosedForm: see the class.
        """
        base = self._splittable()  # before the value is checked, as such a base cannot be asked about a part of it
        if self._validate_args:
            self._validate_sample(value)
        if isinstance(base, MultivariateNormal):
            return _normal_marginal(base, value, self.mask)
        value = value.expand(torch.broadcast_shapes(value.shape, self.mask.shape))
        return observed_log_prob(base, value, self.mask.expand(value.shape))

    def _splittable(self) -> Independent | MultivariateNormal:
        """``base`` as one ``Independent``, or as the normal that it is."""
        base = self.base
        while isinstance(base, Independent) and isinstance(base.base_dist, Independent):
            inner = base.base_dist
            dims = base.reinterpreted_batch_ndims + inner.reinterpreted_batch_ndims
            base = Independent(inner.base_dist, dims, validate_args=False)
        if isinstance(base, MultivariateNormal) or (isinstance(base, Independent) and not base.base_dist.event_shape):
            return base
        raise NoClosedForm(
            f"Masked needs a base that is Independent over its event, or a MultivariateNormal; {describe(base)} has no "
            "closed marginal: impute the missing cells first or use an independent family."
        )

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        return self.base.rsample(sample_shape)

    def sample(self, sample_shape: _size = ()) -> Tensor:
        return self.base.sample(sample_shape)

    @property
    def mean(self) -> Tensor:
        return self.base.mean

    @property
    def mode(self) -> Tensor:
        return self.base.mode

    @property
    def variance(self) -> Tensor:
        return self.base.variance

    def expand(self, batch_shape: _size, _instance: Any = None) -> Self:
        new = super().expand(batch_shape, _instance)
        new.base = self.base.expand(batch_shape)
        new.mask = self.mask.expand(new.base.batch_shape + self.event_shape)
        return new


def _normal_marginal(base: MultivariateNormal, value: Tensor, mask: Tensor) -> Tensor:
    """log N of the observed entries: unobserved rows and columns of the covariance become those of the identity."""
    gap = torch.where(mask, value - base.loc, 0.0)
    seen = mask.to(base.loc.dtype)
    # R of a QR of a square root, as squaring it to a covariance first would halve the digits of an elongated normal.
    root = torch.cat([seen.unsqueeze(-1) * base.scale_tril, torch.diag_embed(1 - seen)], -1)
    triangle = torch.linalg.qr(root.mT).R.mT
    white = torch.linalg.solve_triangular(triangle, gap.unsqueeze(-1), upper=False).squeeze(-1)
    log_det = triangle.diagonal(dim1=-2, dim2=-1).abs().log().sum(-1)
    return -0.5 * (white.square().sum(-1) + math.log(2 * math.pi) * seen.sum(-1)) - log_det


def _first_of_two(loc: Tensor, scale: Tensor, weight: Tensor, validate_args: bool | None = None) -> Masked:
    off = torch.stack([torch.zeros_like(weight), weight], -1).unsqueeze(-1) * loc.new_tensor([1.0, 0.0])
    base = MultivariateNormal(loc, scale_tril=torch.diag_embed(scale) + off, validate_args=validate_args)
    seen = torch.tensor([True, False], device=loc.device)
    return Masked(base, seen.expand(base.batch_shape + base.event_shape), validate_args)


MASKED = Entry(
    _first_of_two,
    How.COMPOSITION,
    "a draw of base, its density integrated over the unobserved entries; here the first entry of a normal pair is observed",
    "Little & Rubin (2002), Statistical Analysis with Missing Data, ch. 6",
    typical={"loc": [[0.3, -0.5], [1.0, 0.2]], "scale": [[0.8, 0.6], [1.2, 0.9]], "weight": [0.4, -0.5]},
    extreme={
        "loc": [[-1e4, 1e4], [0.0, 0.0], [1e4, 1.0]],
        "scale": [[1e-4, 1e4], [1e4, 1e-3], [1.0, 1e-3]],
        "weight": [1.0, 1e3, -1.0],
    },
)
