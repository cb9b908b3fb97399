"""Points of z to rows of x in pieces, so that what is held meanwhile does not grow with their number."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Distribution

from latentia.distributions import point
from latentia.evaluation.draws import DEFAULT_MEMORY
from latentia.evaluation.footprint import peak_bytes
from latentia.models import GenerativeModel

# Of x, up to which nothing is measured: what takes a thousand numbers for each of these is no more than the budget.
FEW_VALUES = 30_000
# By which what each row takes is told from what a call takes for itself.
FEW_ROWS = 8
# Of draws, whose values depend on how they are cut; nothing that fits is.
MEMORY_OF_DRAWS = 512 * 2**20
How = Callable[[Distribution], Tensor]


def means_of_x(model: GenerativeModel, z: Tensor, given: Tensor | None = None, at_once: int | None = None) -> Tensor:
    """The likelihood's mean, or what stands for it, at each z: (n, *z_shape) -> (n, *x_shape).

    Args:
        model: p.
        z: the points.
        given: (n, ...) what rows are conditioned on, or None.
        at_once: rows of a piece; as many as ``rows_at_once`` says unless given.
    """
    return _in_pieces(model, z, given, point, at_once or rows_at_once(model, z, given))


def draws_of_x(model: GenerativeModel, z: Tensor) -> Tensor:
    """A draw of x at each z: (n, *z_shape) -> (n, *x_shape); in one piece unless that takes more than half a GiB."""
    return _in_pieces(model, z, None, _draw, rows_at_once(model, z, None, MEMORY_OF_DRAWS, _draw))


@torch.no_grad()
def rows_at_once(
    model: GenerativeModel, z: Tensor, given: Tensor | None = None, memory: int = DEFAULT_MEMORY, how: How = point
) -> int:
    """How many of these rows fit into ``memory`` bytes together, by what the first of them take; at least one."""
    n = len(z)
    if n * model.x_shape.numel() <= FEW_VALUES:
        return max(1, n)

    def taken(rows: int) -> int:
        return peak_bytes(lambda: _piece(model, z[:rows], None if given is None else given[:rows], how))

    one = taken(1)
    if n * one <= memory:
        return n
    few = min(n, FEW_ROWS, memory // one)
    if few < 2:
        return 1
    each = max(1, (taken(few) - one) // (few - 1))
    return max(few, min(n, (memory - max(0, one - each)) // each))


def _in_pieces(model: GenerativeModel, z: Tensor, given: Tensor | None, how: How, at_once: int) -> Tensor:
    parts = []
    for start in range(0, max(1, len(z)), at_once):
        end = start + at_once
        parts.append(_piece(model, z[start:end], None if given is None else given[start:end], how))
    return torch.cat(parts)


def _piece(model: GenerativeModel, z: Tensor, given: Tensor | None, how: How) -> Tensor:
    return how(model.likelihood(z.unsqueeze(0), given)).squeeze(0)


def _draw(likelihood: Distribution) -> Tensor:
    return likelihood.sample()
