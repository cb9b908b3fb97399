"""Several variables of a few states each: one logit a state."""

import torch
from torch import Tensor
from torch.distributions import Distribution

from latentia.core.errors import LatentiaError, ShapeError
from latentia.distributions import OneHotBlocks as Blocks
from latentia.families.base import Family, split_raw


class OneHotBlocks(Family):
    """A vector of one-hot blocks laid end to end, one categorical each; raw is the logit of each state.

    Args:
        sizes: states of each variable, in order.

    Raises:
        LatentiaError: no block, or one without a state.

    >>> import torch
    >>> OneHotBlocks([2, 3]).distribution(torch.zeros(1, 5)).mean
    tensor([0.5000, 0.5000, 0.3333, 0.3333, 0.3333])
    """

    discrete = True

    def __init__(self, sizes: list[int]) -> None:
        super().__init__()
        if not sizes or min(sizes) < 1:
            raise LatentiaError(f"sizes are {sizes}, wanted at least one block of at least one state.")
        self.sizes = list(sizes)

    @property
    def raw_per_value(self) -> int:
        return 1

    @property
    def n_latents(self) -> int:
        """S, the length of the event."""
        return sum(self.sizes)

    def distribution(self, raw: Tensor, event_dim: int = 1) -> Distribution:
        (logits,) = split_raw(raw, event_dim)
        if event_dim != 1 or logits.shape[-1] != self.n_latents:
            raise ShapeError(
                f"OneHotBlocks describes a vector of {self.n_latents} latents (blocks of {self.sizes}), was given an "
                f"event {tuple(logits.shape[logits.ndim - event_dim :])}; give it a vector, and the sizes of the model's "
                "variables."
            )
        return Blocks(logits, self.sizes, validate_args=False)

    def mean_and_sd(self, raw: Tensor, event_dim: int = 1) -> tuple[Tensor, Tensor]:
        mean = self.distribution(raw, event_dim).mean
        # As in one code: the chance of a block's other states as a sum.
        same = torch.block_diag(*(torch.ones(n, n, dtype=mean.dtype, device=mean.device) for n in self.sizes))
        others = mean @ (same - torch.eye(len(same), dtype=mean.dtype, device=mean.device))
        return mean, (mean * others).sqrt()
