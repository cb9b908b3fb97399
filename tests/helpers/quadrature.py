"""Sums and integrals over the support of a distribution that nobody told us about."""

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, constraints

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
    try:
        return distribution.mean, distribution.stddev
    except NotImplementedError:
        nothing = torch.zeros(distribution.batch_shape + distribution.event_shape, dtype=torch.float64)
        return nothing, nothing + 1


def nodes(distribution: Distribution, n: int) -> tuple[Tensor, Tensor]:
    """Trapezoid rule after a substitution that sends the ends of the support to infinity.

    Returns:
        points and weights, (n, *batch, *event) each, for every value of the event by itself.
    """
    constraint = innermost(support_of(distribution))
    low, _, high = constraint.check(torch.tensor([-1.5, 0.5, 1.5])).tolist()
    mean, spread = _placement(distribution)
    ones = (1,) * mean.ndim
    if low:  # the real line
        t = torch.linspace(-9, 9, n, dtype=torch.float64).reshape(-1, *ones)
        points, slope = mean + spread * torch.sinh(t), spread * torch.cosh(t)
    elif high:  # the positive half
        t = torch.linspace(-12, 12, n, dtype=torch.float64).reshape(-1, *ones)
        points = spread * torch.exp(t)
        slope = points
    else:  # the unit interval
        t = torch.linspace(-35, 35, n, dtype=torch.float64).reshape(-1, *ones).expand(n, *mean.shape)
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


def masses_2d(distribution: Distribution) -> tuple[Tensor, Tensor]:
    """A distribution over the plane, one row (batch ()), as points (n, 2) and their masses (n,)."""
    with torch.no_grad():
        points, weights = nodes(distribution, NODES_2D)
        pairs = torch.cartesian_prod(points[:, 0], points[:, 1])
        areas = torch.cartesian_prod(weights[:, 0], weights[:, 1]).prod(-1)
        return pairs, distribution.log_prob(pairs).exp() * areas
