"""Pick the gradient by what p and q can do, and say which."""

from collections.abc import Callable

from torch import nn
from torch.distributions import Distribution

from latentia.bounds import Bound, Elbo
from latentia.core import Batch
from latentia.core.memory import Memory
from latentia.distributions import has_closed_kl
from latentia.gradients.analytic_kl import AnalyticKL
from latentia.gradients.base import Estimate, Gradient
from latentia.gradients.doubly_reparameterized import DoublyReparameterized
from latentia.gradients.leave_one_out import LeaveOneOut
from latentia.gradients.reparameterized import Reparameterized
from latentia.gradients.score_function import ScoreFunction
from latentia.models import GenerativeModel

CHOICES: dict[str, tuple[Callable[[], Gradient], str]] = {
    "leave-one-out": (LeaveOneOut, "leave-one-out: these draws carry no gradient, and there are several of them"),
    "score-function": (ScoreFunction, "score function: these draws carry no gradient"),
    "doubly-reparameterized": (
        DoublyReparameterized,
        "doubly reparameterized: several draws under a bound that weighs them",
    ),
    "analytic-kl": (AnalyticKL, "analytic KL: the ELBO, with a closed KL between posterior and prior"),
    "reparameterized": (Reparameterized, "reparameterized: draws carry a gradient, the KL has no closed form"),
}


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
        self._name = ""
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
        return self.settle(bound, model, q, batch, n_draws)(bound, model, q, batch, n_draws, kl_weight)

    def settle(self, bound: Bound, model: GenerativeModel, q: Distribution, batch: Batch, n_draws: int) -> Gradient:
        """The gradient in use, chosen now if it was not yet."""
        if self.picked is None:
            self.picked = self._pick(choose(bound, q, model.prior(batch.given), n_draws))
            if isinstance(self.picked, nn.Module):
                self.picked.to(batch.x.device)
        return self.picked

    def memory(self) -> Memory:
        """The choice by name."""
        return {"picked": self._name} if self._name else {}

    def restore(self, memory: Memory) -> None:
        self.picked = self._pick(str(memory["picked"]))

    def _pick(self, name: str) -> Gradient:
        make, self.reason = CHOICES[name]
        self._name = name
        return make()


def choose(bound: Bound, q: Distribution, prior: Distribution, n_draws: int) -> str:
    """The gradient for this pair, by its name in ``CHOICES``."""
    if not q.has_rsample:
        return "leave-one-out" if n_draws >= 2 else "score-function"
    if not isinstance(bound, Elbo) and n_draws > 1:
        return "doubly-reparameterized"
    return "analytic-kl" if isinstance(bound, Elbo) and has_closed_kl(q, prior) else "reparameterized"
