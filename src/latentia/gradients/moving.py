"""Where earlier rewards lay: a moving average and a moving spread, as state of a gradient.

Mnih & Gregor (2014), Neural Variational Inference and Learning in Belief Networks, algorithm 1.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from latentia.core.errors import LatentiaError
from latentia.core.memory import Memory
from latentia.core.ranks import company


class Moving(nn.Module):
    """Mean and variance of rewards, from before the present ones, so that they know nothing of the present draws.

    NaN until the first batch. They are buffers, so that a resumed run goes on from where it was.

    Args:
        decay: 0 <= decay < 1, the share of the past that each batch leaves.

    Raises:
        LatentiaError: decay outside that range.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, decay: float) -> None:
        super().__init__()
        if not 0 <= decay < 1:
            raise LatentiaError(f"decay is {decay}, wanted 0 <= decay < 1.")
        self.decay = decay
        self.register_buffer("mean", torch.full((), torch.nan))
        self.register_buffer("variance", torch.full((), torch.nan))
        self.started = False

    @torch.no_grad()
    def before(self, rewards: Tensor, others: Callable[[], Tensor]) -> tuple[Tensor, Tensor]:
        """Mean and variance from before ``rewards``; then let these move them.

        Args:
            rewards: of the present draws, any shape.
            others: rewards of other draws on the same batch, which stand in for a history at the very first.
        """
        if not self.started:
            self.started = True
            if bool(self.mean.isnan()):
                self._follow(others())
        mean, variance = self.mean.nan_to_num(0.0).to(rewards), self.variance.nan_to_num(1.0).to(rewards)
        self._follow(rewards)
        return mean, variance

    def memory(self) -> Memory:
        """Whether the first batch was met: it need not have left a trace in the buffers."""
        return {"started": self.started}

    def restore(self, memory: Memory) -> None:
        self.started = bool(memory["started"])

    def _follow(self, rewards: Tensor) -> None:
        """Move towards these; what is not finite belongs to a step that the learner skips, and leaves no trace."""
        mean = of_all(rewards.mean().to(self.mean))
        center = torch.where(self.mean.isnan(), mean, self.mean)
        variance = of_all((rewards.to(self.mean) - center).square().mean())
        for held, now in ((self.mean, mean), (self.variance, variance)):
            moved = torch.where(held.isnan(), now, held.lerp(now, 1 - self.decay))
            held.copy_(torch.where(mean.isfinite() & variance.isfinite(), moved, held))


def of_all(mean: Tensor) -> Tensor:
    """The mean over the whole batch, of which the rows here may be a part; see ``core.ranks``."""
    ranks = company()
    return mean if ranks is None else ranks.mean(mean)[0]
