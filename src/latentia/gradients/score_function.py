"""The score-function gradient with a moving-average baseline: for any q whatsoever.

Williams (1992), Simple Statistical Gradient-Following Algorithms; Mnih & Gregor (2014), Neural Variational Inference.
"""

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from latentia.bounds import Bound
from latentia.core import Batch
from latentia.core.errors import LatentiaError
from latentia.core.memory import Memory
from latentia.gradients.base import Estimate, plain_draws, proper, score_surrogate
from latentia.gradients.moving import of_all
from latentia.models import GenerativeModel
from latentia.weights import terms


class ScoreFunction(nn.Module):
    """Each draw's credit times its grad log q, plus the gradient that the model has at the draws.

    The credit is what the bound loses when the draw's log-weight is exchanged for the baseline, an average of earlier
    log-weights: (w_k - baseline) / K for the ELBO; see ``whole_credits`` for any other bound. Crediting every draw with the
    whole bound is unbiased too, but then the variance grows with K instead of falling. The baseline is NaN until the first
    batch; it is state, so that a resumed run goes on from where it was.

    Args:
        decay: of the moving average that serves as baseline, 0 <= decay < 1; None for no baseline at all, the plain rule of
            Williams (1992), which is there to be compared with.

    Raises:
        LatentiaError: decay outside that range.
    """

    baseline: Tensor

    def __init__(self, decay: float | None = 0.9) -> None:
        super().__init__()
        if decay is not None and not 0 <= decay < 1:
            raise LatentiaError(f"decay is {decay}, wanted 0 <= decay < 1, or None for no baseline.")
        self.decay = decay
        self.register_buffer("baseline", torch.full((), torch.nan))
        self.started = False

    def __call__(
        self,
        bound: Bound,
        model: GenerativeModel,
        q: Distribution,
        batch: Batch,
        n_draws: int,
        kl_weight: float = 1.0,
    ) -> Estimate:
        z = plain_draws(q, n_draws)
        parts = terms(model, q, batch, z)
        # A constant here: the gradient travels through log q (Mnih & Gregor 2014, section 2.2).
        reward = parts.weights(kl_weight).detach()
        instead = self._baseline_before(reward, model, q, batch, n_draws, kl_weight).to(reward).expand_as(reward)
        surrogate = score_surrogate(bound, parts, instead, kl_weight)
        return Estimate(proper(bound, parts), surrogate, parts.rate())

    def memory(self) -> Memory:
        """Whether the first batch was met: it need not have left a trace in the buffer."""
        return {"started": self.started}

    def restore(self, memory: Memory) -> None:
        self.started = bool(memory["started"])

    @torch.no_grad()
    def _baseline_before(
        self,
        reward: Tensor,
        model: GenerativeModel,
        q: Distribution,
        batch: Batch,
        n_draws: int,
        kl_weight: float,
    ) -> Tensor:
        """The baseline from before these draws (so that it is independent of them); then let them move it."""
        if self.decay is None:
            return torch.zeros_like(self.baseline)
        if not self.started:
            self.started = True
            if bool(self.baseline.isnan()):
                # Other draws of the first batch stand in for a history; a reward in hundreds of nats needs one at once.
                other = terms(model, q, batch, plain_draws(q, n_draws)).weights(kl_weight)
                self._follow(other.mean(), self.decay)
        before = self.baseline.clone()
        self._follow(reward.mean(), self.decay)
        return torch.nan_to_num(before, nan=0.0)

    def _follow(self, reward: Tensor, decay: float) -> None:
        """Move towards a reward; one that is not finite belongs to a step that the learner skips, and leaves no trace."""
        reward = of_all(reward.to(self.baseline))
        moved = torch.where(self.baseline.isnan(), reward, self.baseline.lerp(reward, 1 - decay))
        self.baseline.copy_(torch.where(moved.isfinite(), moved, self.baseline))
