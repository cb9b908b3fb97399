"""Linear steps with normal noise, written out as one normal: the oracle of chains, sequences and hierarchies."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal


def wide(value: float) -> Tensor:
    """A number that float32 never rounded."""
    return torch.tensor(value, dtype=torch.float64)


def randn(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def linear_normal(
    n: int, blocks: list[slice], step: Callable[[int, Tensor], tuple[Tensor, Tensor, Tensor]]
) -> MultivariateNormal:
    """The joint law of z in R^n, block i being weight @ z + offset + root @ noise, with weight zero from block i on.

    Args:
        n: values in all.
        blocks: which values are block i.
        step: (i, zeros (m, n)) -> weight (m, n), offset (m,), root (m, m).
    """
    weight, offset, root = torch.zeros(n, n).double(), torch.zeros(n).double(), torch.zeros(n, n).double()
    for i, block in enumerate(blocks):
        m = block.stop - block.start
        weight[block], offset[block], root[block, block] = step(i, torch.zeros(m, n).double())
    whole = torch.linalg.inv(torch.eye(n).double() - weight)
    return MultivariateNormal(whole @ offset, whole @ root @ root.T @ whole.T)
