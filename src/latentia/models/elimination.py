"""Sums over all assignments of a Bayesian network, many evidence sets at once, variable by variable.

Zhang & Poole (1994), A simple approach to Bayesian network computations; the derivative of the sum with respect to the
evidence answers for every variable at once (Darwiche 2003, A differential approach to inference in Bayesian networks).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from latentia.core.errors import LatentiaError
from latentia.models.bayes_tables import Variable

# Cells of the largest table of a single row, and cells alive at once.
MOST_CELLS, CELLS_AT_ONCE = 2**22, 2**24
ROWS = -1  # the axis of evidence sets


class Factor(NamedTuple):
    """A table over some variables, with an axis for each, the rows' first if there is one."""

    scope: tuple[int, ...]
    table: Tensor


class Plan(NamedTuple):
    """In which order variables are summed out, and what that costs a row.

    Attributes:
        order: places of the variables.
        widest: cells of the largest table on the way.
        cells: of all of them.
    """

    order: tuple[int, ...]
    widest: int
    cells: int


def plan(variables: Sequence[Variable]) -> Plan:
    """The cheaper of two greedy orders: by the size of the table that a variable makes, and by the links it adds.

    Raises:
        LatentiaError: the variables hang together so closely that the largest table has more than four million cells.
    """
    sizes = [len(variable.states) for variable in variables]
    scopes = [{i, *_open_parents(variable, sizes)} for i, variable in enumerate(variables)]
    best = min((_greedy(sizes, scopes, by_links) for by_links in (False, True)), key=lambda found: found.cells)
    if best.widest > MOST_CELLS:
        raise LatentiaError(
            f"exact answers would need a table of {best.widest:.2g} cells, {MOST_CELLS} is the limit; use a trained "
            "network, or Gibbs sampling."
        )
    return best


def _open_parents(variable: Variable, sizes: Sequence[int]) -> list[int]:
    """Parents of more than one state: any other says nothing, and an axis each would be more than einsum has letters for."""
    return [parent for parent in variable.parents if sizes[parent] > 1]


def _greedy(sizes: Sequence[int], scopes: Sequence[set[int]], by_links: bool) -> Plan:
    near: dict[int, set[int]] = {i: set() for i in range(len(sizes))}
    for scope in scopes:
        for i in scope:
            near[i] |= scope - {i}

    def weight(i: int) -> int:
        return sizes[i] * math.prod(sizes[j] for j in near[i])

    def cost(i: int) -> tuple[int, int]:
        if not by_links:
            return weight(i), i
        friends = sorted(near[i])
        missing = sum(b not in near[a] for at, a in enumerate(friends) for b in friends[at + 1 :])
        return missing, weight(i)

    costs = {i: cost(i) for i in near}
    order, widest, cells = [], 0, 0
    while near:
        chosen = min(costs, key=lambda i: costs[i])
        order.append(chosen)
        widest, cells = max(widest, weight(chosen)), cells + weight(chosen)
        friends = near.pop(chosen)
        del costs[chosen]
        for i in friends:
            near[i] = (near[i] | friends) - {i, chosen}
        # Only whose own links changed, or those between whose friends may have.
        for i in friends | {far for friend in friends for far in near[friend]}:
            costs[i] = cost(i)
    return Plan(tuple(order), widest, cells)


def log_sum(variables: Sequence[Variable], found: Plan, indicators: Tensor) -> Tensor:
    """log of the sum over all assignments of probability times indicators: (B, S) -> (B,) nats, with a graph.

    Args:
        variables: the network.
        found: its plan.
        indicators: (B, S) float64; one where evidence allows a state, else zero.
    """
    sizes = [len(variable.states) for variable in variables]
    factors = [Factor((ROWS, i), block) for i, block in enumerate(indicators.split(sizes, 1))]
    for i, v in enumerate(variables):
        parents = _open_parents(v, sizes)
        table = v.table.to(indicators.device).reshape([*(sizes[parent] for parent in parents), sizes[i]])
        factors.append(Factor((*parents, i), table))
    log_scale = torch.zeros_like(indicators[:, 0])
    done = []
    for i in found.order:
        touched = [factor for factor in factors if i in factor.scope]
        factors = [factor for factor in factors if i not in factor.scope]
        made = _summed(touched, i)
        # The sum over hundreds of variables would underflow; a constant a row is taken out and kept.
        cells = math.prod(made.table.shape[1:])
        largest = made.table.detach().reshape(-1, cells).amax(1)
        largest = torch.where(largest > 0, largest, 1.0)
        log_scale = log_scale + largest.log()
        made = Factor(made.scope, made.table / largest.reshape(-1, *(1,) * (made.table.ndim - 1)))
        if len(made.scope) == 1:
            done.append(made.table)
        else:
            factors.append(made)
    return torch.stack(done).prod(0).log() + log_scale


def _summed(touched: Sequence[Factor], gone: int) -> Factor:
    """The product of some factors, one variable summed out."""
    scope = sorted({i for factor in touched for i in factor.scope})
    label = {i: at for at, i in enumerate(scope)}
    left = tuple(i for i in scope if i != gone)
    # Small ones first, since they are multiplied from the left.
    operands: list[Tensor | list[int]] = []
    for factor in sorted(touched, key=lambda f: f.table.numel()):
        operands += [factor.table, [label[i] for i in factor.scope]]
    return Factor(left, torch.einsum(*operands, [label[i] for i in left]))


@torch.no_grad()
def log_evidence(variables: Sequence[Variable], found: Plan, indicators: Tensor) -> Tensor:
    """log p(evidence): (B, S) float64 -> (B,) nats, minus infinity where it cannot be."""
    return torch.cat([log_sum(variables, found, part) for part in indicators.split(_rows_at_once(found))])


def marginals(variables: Sequence[Variable], found: Plan, indicators: Tensor) -> tuple[Tensor, Tensor]:
    """log p(evidence) (B,) and p(each state | evidence) (B, S), float64; NaN where the evidence cannot be."""
    logs, parts = [], []
    for part in indicators.split(_rows_at_once(found)):
        with torch.enable_grad():
            free = part.clone().requires_grad_()
            log = log_sum(variables, found, free)
            (slope,) = torch.autograd.grad(log.sum(), free)
        logs.append(log.detach())
        parts.append(torch.where((logs[-1] > -torch.inf).unsqueeze(1), part * slope, torch.nan))
    return torch.cat(logs), torch.cat(parts)


def _rows_at_once(found: Plan) -> int:
    return max(1, CELLS_AT_ONCE // found.cells)
