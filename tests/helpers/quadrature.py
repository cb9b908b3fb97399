"""Sums and integrals over the support of a distribution that nobody told us about."""

from typing import Any, cast

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, constraints

from latentia.distributions import MixedColumns

# Nodes a row in one dimension and along each side in two.
NODES_1D = 20_001
NODES_2D = 300


def innermost(support: constraints.Constraint) -> constraints.Constraint:
    """The constraint on a single value."""
    while hasattr(support, "base_constraint"):
        support = support.base_constraint  # pyright: ignore[reportAttributeAccessIssue]  just asked for
    return support


def support_of(distribution: Distribution) -> constraints.Constraint:
    support = distribution.support
    assert support is not None
    return support


def _placement(distribution: Distribution) -> tuple[Tensor, Tensor]:
    """Where to put the nodes, (batch, event) each. Accuracy rests on it, not truth: a wrong moment changes no integral."""
    nothing = torch.zeros(distribution.batch_shape + distribution.event_shape, dtype=torch.float64)
    try:
        mean, spread = distribution.mean, distribution.stddev
    except NotImplementedError:
        return nothing, nothing + 1
    stated = mean.isfinite() & spread.isfinite()
    return torch.where(stated, mean, 0.0), torch.where(stated, spread, 1.0)


def nodes(distribution: Distribution, n: int, reach: float = 16.0) -> tuple[Tensor, Tensor]:
    """Trapezoid rule after a substitution that sends the ends of the support to infinity.

    Args:
        distribution: whose support and moments say where the nodes go.
        n: how many.
        reach: how far they go on the real line, as the inverse hyperbolic sine of standard deviations.

    Returns:
        points and weights, (n, *batch, *event) each, for every value of the event by itself.
    """
    low, _, high = innermost(support_of(distribution)).check(torch.tensor([-1.5, 0.5, 1.5])).tolist()
    mean, spread = _placement(distribution)

    def line(end: float) -> Tensor:
        return torch.linspace(-end, end, n, dtype=torch.float64).reshape(-1, *(1,) * mean.ndim).expand(n, *mean.shape)

    if low:  # the real line
        t = line(reach)
        points, slope = mean + spread * torch.sinh(t), spread * torch.cosh(t)
    elif high:  # the positive half, the same on the scale of logarithms
        t = line(reach)
        sound = mean > 0
        center, width = torch.where(sound, mean, 1.0).log(), torch.where(sound, spread / mean, 1.0).clamp(max=1.0)
        logs = center + width * torch.sinh(t)
        points = torch.exp(logs.clamp(-200, 200))
        slope = torch.where(logs.abs() < 200, points * width * torch.cosh(t), 0.0)
    else:  # the unit interval
        t = line(35.0)
        points = torch.sigmoid(t)
        slope = points * torch.sigmoid(-t)
    return points, slope * (t[1] - t[0])


def masses(distribution: Distribution) -> tuple[Tensor, Tensor]:
    """A distribution over an event of one value (shape (1,)) as points and their masses, (n, *batch) each."""
    with torch.no_grad():
        if support_of(distribution).is_discrete:
            points = _enumerated(distribution)
            weights = torch.ones_like(points)
        else:
            points, weights = nodes(distribution, NODES_1D)
        return points.squeeze(-1), distribution.log_prob(points).exp() * weights.squeeze(-1)


def _enumerated(distribution: Distribution) -> Tensor:
    base = distribution.base_dist if isinstance(distribution, Independent) else distribution
    batch_and_event = distribution.batch_shape + distribution.event_shape
    if base.has_enumerate_support:
        points = base.enumerate_support(expand=False).flatten()
    else:  # counts
        whole = torch.arange(5_000, dtype=torch.float64)
        points = whole[innermost(support_of(distribution)).check(whole)]
    return points.double().reshape(-1, *(1,) * len(batch_and_event)).expand(-1, *batch_and_event)


def states_of(distribution: Distribution) -> Tensor:
    """Every state of a discrete event, (n, *event), float64: of one that lists them, or of independent bits or codes."""
    if hasattr(distribution, "enumerate_states"):
        return cast("Any", distribution).enumerate_states()
    base = cast("Independent", distribution).base_dist
    parts = cast("Tensor", base.enumerate_support(expand=False)).double().reshape(-1, *base.event_shape)
    n = distribution.event_shape.numel() // base.event_shape.numel()
    which = torch.cartesian_prod(*[torch.arange(len(parts))] * n).reshape(-1, n)
    return parts[which].reshape(-1, *distribution.event_shape)


def masses_2d(distribution: Distribution) -> tuple[Tensor, Tensor]:
    """A distribution over the plane, one row (batch ()), as points (n, 2) and their masses (n,)."""
    with torch.no_grad():
        if isinstance(distribution, MixedColumns):
            points, weights = places_of_columns(distribution)
            return points, distribution.log_prob(points).exp() * weights
        if support_of(distribution).is_discrete:
            states = states_of(distribution)
            return states, distribution.log_prob(states).exp()
        points, weights = nodes(distribution, NODES_2D, reach=9.0)
        pairs = torch.cartesian_prod(points[:, 0], points[:, 1])
        areas = torch.cartesian_prod(weights[:, 0], weights[:, 1]).prod(-1)
        return pairs, distribution.log_prob(pairs).exp() * areas


def places_of_columns(row: MixedColumns) -> tuple[Tensor, Tensor]:
    """Points (n, D) that fill the support of one row (batch ()), and the weight of each (n,): columns are multiplied out."""
    points, weights = torch.zeros(1, 0, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    for kind, place in zip(row.layout.kinds, row.layout.places, strict=True):
        at, width = _places_of(kind, row.place[place].double(), row.spread[place].double())
        first, second = torch.cartesian_prod(torch.arange(len(points)), torch.arange(len(at))).unbind(-1)
        points, weights = torch.cat([points[first], at[second]], -1), weights[first] * width[second]
    return points, weights


def _places_of(kind: str, place: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
    """(n, width of the column) and (n,)."""
    t = torch.linspace(-9.0, 9.0, NODES_2D, dtype=torch.float64)
    line, along = torch.sinh(t), torch.cosh(t) * (t[1] - t[0])
    if kind in ("real", "positive"):
        return (place + spread * line).unsqueeze(-1), spread * along
    if kind == "proportion":
        u = 4 * t
        return u.sigmoid().unsqueeze(-1), u.sigmoid() * (-u).sigmoid() * (u[1] - u[0])
    if kind == "hurdle":
        numbers = torch.stack([torch.zeros_like(line), place[1] + spread[1] * line], -1)
        return torch.cat([torch.tensor([[1.0, 0.0]], dtype=torch.float64), numbers]), torch.cat(
            [torch.ones(1, dtype=torch.float64), spread[1] * along]
        )
    states = {
        "binary": torch.tensor([[0.0], [1.0]], dtype=torch.float64),
        "category": torch.eye(len(place), dtype=torch.float64),
        "count": torch.arange(400.0, dtype=torch.float64).unsqueeze(-1),
    }[kind]
    return states, torch.ones(len(states), dtype=torch.float64)
