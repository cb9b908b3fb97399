"""Pick the gradient by what p and q can do, and say which."""

from torch import nn
from torch.distributions import Distribution

from latentia.bounds import Bound, Elbo
from latentia.core import Batch
from latentia.distributions import has_closed_kl
from latentia.gradients.analytic_kl import AnalyticKL
from latentia.gradients.base import Estimate, Gradient
from latentia.gradients.doubly_reparameterized import DoublyReparameterized
from latentia.gradients.leave_one_out import LeaveOneOut
from latentia.gradients.reparameterized import Reparameterized
from latentia.gradients.score_function import ScoreFunction
from latentia.models import GenerativeModel


class Auto(nn.Module):
    """Chooses at its first batch and keeps the choice.

    - draws carry a gradient, ELBO, closed KL: the analytic KL;
    - draws carry a gradient, ELBO, no closed KL: reparameterized;
    - draws carry a gradient, several draws under another bound: doubly reparameterized;
    - draws carry none: leave-one-out with two draws or more, else the score function.

    Attributes:
        picked: the gradient in use, or None before the first batch.
        reason: one sentence for a person.
    """

    def __init__(self) -> None:
        super().__init__()
        self.picked: Gradient | None = None
        self.reason = "not chosen yet"

    def __call__(
        self,
        bound: Bound,
        model: GenerativeModel,
        q: Distribution,
        batch: Batch,
        n_draws: int,
        kl_weight: float = 1.0,
    ) -> Estimate:
        if self.picked is None:
            self.picked, self.reason = choose(bound, q, model.prior(batch.given), n_draws)
            if isinstance(self.picked, nn.Module):
                self.picked.to(batch.x.device)
        return self.picked(bound, model, q, batch, n_draws, kl_weight)


def choose(bound: Bound, q: Distribution, prior: Distribution, n_draws: int) -> tuple[Gradient, str]:
    """The gradient for this pair, and why."""
    if not q.has_rsample:
        if n_draws >= 2:
            return LeaveOneOut(), "leave-one-out: these draws carry no gradient, and there are several of them"
        return ScoreFunction(), "score function: these draws carry no gradient"
    if not isinstance(bound, Elbo) and n_draws > 1:
        return DoublyReparameterized(), "doubly reparameterized: several draws under a bound that weighs them"
    if isinstance(bound, Elbo) and has_closed_kl(q, prior):
        return AnalyticKL(), "analytic KL: the ELBO, with a closed KL between posterior and prior"
    return Reparameterized(), "reparameterized: draws carry a gradient, the KL has no closed form"
