"""Expectations under any distribution of the table, by sums and quadrature over its support."""

import math
from collections.abc import Callable
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution, Transform, biject_to, constraints

from helpers.quadrature import innermost, support_of
from latentia.distributions import Delta, Masked
from latentia.distributions.multivariate.sphere import unit_vector

# Nodes along one free dimension, and along each side of two.
NODES = {1: 8_001, 2: 441}
COUNTS = 20_000


class Measure:
    """Where to evaluate a density of at most two degrees of freedom, and the weight of each place.

    It is laid out once for a distribution; ``at`` follows its relatives at other parameters, so that a difference of two
    expectations is a difference of smooth functions.
    """

    def __init__(self, distribution: Distribution) -> None:
        support = support_of(distribution)
        self.free: Tensor | None = None
        if _is_continuous(distribution) and not isinstance(innermost(support), type(unit_vector)):
            with torch.random.fork_rng(devices=[]):
                seen = observed(distribution, distribution.sample((2_000,)))
                draws = cast("Tensor", _transform(distribution).inv(seen))
            self.free = _line_or_plane(draws.reshape(2_000, *distribution.batch_shape, -1))

    def at(self, distribution: Distribution) -> tuple[Tensor, Tensor]:
        """Points (n, *batch, *event) and their weights (n, *batch), such that E f = sum f p weight."""
        batch, event = distribution.batch_shape, distribution.event_shape
        if isinstance(distribution, Delta):
            return distribution.loc.unsqueeze(0), torch.ones((1, *batch), dtype=distribution.loc.dtype)
        if isinstance(innermost(support_of(distribution)), type(unit_vector)):
            points, weights = _sphere(event[0])
            lead = (-1, *(1,) * len(batch))
            return points.reshape(*lead, *event).expand(-1, *batch, *event), weights.reshape(lead).expand(-1, *batch)
        if not _is_continuous(distribution):
            points = _enumerated(distribution)
            return points, torch.ones(points.shape[: points.ndim - len(event)], dtype=torch.float64)
        assert self.free is not None
        transform = _transform(distribution)
        u, cell = self.free[..., :-1], self.free[..., -1]
        inner = (
            u.shape[-1:] if isinstance(support_of(distribution), type(constraints.simplex)) else _seen_shape(distribution)
        )
        u = u.reshape(*u.shape[:-1], *inner)
        points = cast("Tensor", transform(u))  # torch types a cached answer as maybe none
        log_slope = transform.log_abs_det_jacobian(u, points)
        weights = cell * log_slope.reshape(*cell.shape, -1).sum(-1).exp()
        # Nodes that rounding puts on an end of the support, or beyond every float, count nothing.
        good = points.isfinite()
        if not isinstance(distribution, Masked):
            inside: Tensor = support_of(distribution).check(points)
            good = good & inside.reshape(*inside.shape, *(1,) * (points.ndim - inside.ndim))
        good = good.reshape(*cell.shape, -1).all(-1)
        middle = points[len(points) // 2].expand_as(points)
        points = torch.where(good.reshape(*cell.shape, *(1,) * (points.ndim - cell.ndim)), points, middle)
        return _whole(distribution, points), torch.where(good, weights, 0.0)

    def expect(self, distribution: Distribution, f: Callable[[Tensor], Tensor]) -> Tensor:
        """E f(z): f takes (n, *batch, *event) to (n, *batch, ...)."""
        points, weights = self.at(distribution)
        mass = distribution.log_prob(points).exp() * weights
        value = f(points)
        mass = mass.reshape(*mass.shape, *(1,) * (value.ndim - mass.ndim))
        # A density may be infinite where a node of weight zero lies.
        return torch.where(mass > 0, mass * value, 0.0).nan_to_num(posinf=0.0).sum(0)


def _transform(distribution: Distribution) -> Transform:
    """From free real numbers to the support."""
    if isinstance(distribution, Masked):  # its support takes anything in the masked places
        return biject_to(innermost(support_of(distribution.base)))
    return biject_to(support_of(distribution))


def _is_continuous(distribution: Distribution) -> bool:
    return not isinstance(distribution, Delta) and not support_of(distribution).is_discrete


def _seen_shape(distribution: Distribution) -> torch.Size:
    if isinstance(distribution, Masked):
        return torch.Size([int(distribution.mask.sum(-1).flatten()[0])])
    return distribution.event_shape


def observed(distribution: Distribution, value: Tensor) -> Tensor:
    """What counts of a draw: the observed entries of a masked vector, else all."""
    if not isinstance(distribution, Masked):
        return value
    mask = distribution.mask.expand(distribution.batch_shape + distribution.event_shape)
    order = mask.int().argsort(-1, descending=True)[..., : _seen_shape(distribution)[0]]
    return value.gather(-1, order.expand(*value.shape[:-1], -1))


def _whole(distribution: Distribution, seen: Tensor) -> Tensor:
    """Observed entries put back in their places, NaN where nothing was observed."""
    if not isinstance(distribution, Masked):
        return seen
    mask = distribution.mask.expand(distribution.batch_shape + distribution.event_shape)
    order = mask.int().argsort(-1, descending=True)[..., : seen.shape[-1]]
    whole = torch.full((*seen.shape[:-1], *distribution.event_shape), torch.nan, dtype=seen.dtype)
    return whole.scatter(-1, order.expand(*seen.shape[:-1], -1), seen)


def _line_or_plane(draws: Tensor) -> Tensor:
    """Nodes with their cells, (n, *batch, d + 1), around draws (m, *batch, d) on the free scale."""
    d = draws.shape[-1]
    n = NODES[d]
    center = draws.median(0).values
    spread = (draws.quantile(0.75, 0) - draws.quantile(0.25, 0)).clamp_min(1e-6)
    t = torch.linspace(-1, 1, n, dtype=torch.float64).reshape(-1, *(1,) * center.ndim) * (15.0 if d == 1 else 5.5)
    u, slope = center + spread * torch.sinh(t), spread * torch.cosh(t) * (t[1] - t[0])
    if d == 1:
        return torch.cat([u, slope], -1)
    first, second = torch.meshgrid(torch.arange(n), torch.arange(n), indexing="ij")
    first, second = first.flatten(), second.flatten()
    places = torch.stack([u[first, ..., 0], u[second, ..., 1]], -1)
    return torch.cat([places, (slope[first, ..., 0] * slope[second, ..., 1]).unsqueeze(-1)], -1)


def _sphere(dim: int, n: int = 400) -> tuple[Tensor, Tensor]:
    """Points (n', dim) of the circle or the sphere and their areas (n',)."""
    around = torch.arange(n, dtype=torch.float64) * (2 * math.pi / n)
    circle = torch.stack([around.cos(), around.sin()], -1)
    if dim == 2:
        return circle, torch.full((n,), 2 * math.pi / n, dtype=torch.float64)
    assert dim == 3, "the sphere has two degrees of freedom"
    height, weight = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(n))
    radius = (1 - height.square()).sqrt()
    points = torch.cat([radius[:, None, None] * circle, height[:, None, None].expand(n, n, 1)], -1)
    return points.reshape(-1, 3), (weight[:, None] * (2 * math.pi / n)).expand(n, n).reshape(-1)


def _enumerated(distribution: Distribution) -> Tensor:
    """All values of a discrete distribution over one number, (n, *batch); counts up to where no mass is left."""
    if distribution.has_enumerate_support:
        return distribution.enumerate_support().double()
    counts = torch.arange(COUNTS, dtype=torch.float64).reshape(-1, *(1,) * len(distribution.batch_shape))
    return counts.expand(COUNTS, *distribution.batch_shape)
