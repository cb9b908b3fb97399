"""An encoder's answer, and some steps of per-datum VI from there, kept where they help.

Hjelm et al. (2016), Iterative Refinement of the Approximate Posterior for Directed Belief Networks; Krishnan, Liang &
Hoffman (2018), On the Challenges of Learning with Inference Networks on Sparse, High-dimensional Data.
"""

import torch
from torch.distributions import Distribution

from latentia.core import Batch
from latentia.core.checks import check_counts, check_positive
from latentia.core.random import seeded
from latentia.families import Family
from latentia.models import GenerativeModel
from latentia.posteriors.amortized import Amortized
from latentia.posteriors.base import Posterior
from latentia.posteriors.inner import check_reparameterized, judged_bound, landing_slope, per_row


class Refined(Posterior):
    """raw_0 = encoder(x), then Adam on each row's bound; a row whose bound did not rise keeps the encoder's answer.

    It is a way to use a trained encoder and learns nothing itself; ``SemiAmortized`` is one to train through.

    Args:
        encoder: where each row starts.
        steps: at most so many are of use; the rate falls to zero along a cosine.
        lr: Adam's rate.
        draws: draws a step, the same noise at every call.
        judges: draws by which start and end are compared, the same for both.

    Raises:
        LatentiaError: no steps or draws, or a rate that is not positive.
        NoReparameterization: draws of the encoder's family carry no gradient.
    """

    def __init__(self, encoder: Amortized, steps: int = 20, lr: float = 0.05, draws: int = 8, judges: int = 64) -> None:
        super().__init__()
        check_counts(steps=steps, draws=draws, judges=judges)
        check_positive(lr=lr)
        check_reparameterized(encoder.family, torch.zeros(1, encoder.family.raw_per_value, *encoder.network.out_shape))
        self.encoder, self.steps, self.lr, self.draws, self.judges = encoder, steps, lr, draws, judges

    @property
    def family(self) -> Family:
        """The encoder's."""
        return self.encoder.family

    def infer(self, model: GenerativeModel, batch: Batch) -> Distribution:
        """Encode, then refine. No gradient passes."""
        family, start = self.encoder.family, self.encoder.raw(batch.x, batch.mask).detach()
        raw = start.clone().requires_grad_()
        optimizer = torch.optim.Adam([raw], lr=self.lr, maximize=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.steps)
        with seeded(0):
            for _ in range(self.steps):
                raw.grad = landing_slope(model, family, raw, batch, self.draws)[1]
                optimizer.step()
                schedule.step()
        before, after = (judged_bound(model, family, at, batch, self.judges) for at in (start, raw))
        # A row that left the finite numbers compares as no better.
        better = after > before
        kept = torch.where(per_row(better, start), raw.detach(), start)
        return family.distribution(kept, event_dim=start.ndim - 2)
