"""Stochastic variational inference: factors shared by all rows move along natural gradients that some rows estimate.

Hoffman, Blei, Wang & Paisley (2013), Stochastic Variational Inference; for topics, Hoffman, Blei & Bach (2010), Online
Learning for Latent Dirichlet Allocation.
"""

import torch
from torch import Tensor, nn

from latentia.bounds import Bound, Elbo
from latentia.core import Batch
from latentia.core.errors import LatentiaError, NoClosedForm
from latentia.core.memory import Memory, as_int
from latentia.core.ranks import Ranks, company
from latentia.data import Split
from latentia.distributions import closed_kl
from latentia.learners.base import Learner
from latentia.learners.coordinate_ascent import held_out_bound, is_finite, log_of, not_taken, own_factor, put_back
from latentia.models import GenerativeModel, HasNaturalGradient
from latentia.posteriors import Posterior


class NaturalGradient(Learner):
    """Each step finds q(z) of a batch, and moves every other factor towards its best were all rows like these.

    Step t, from 0, goes (t + delay)^-forgetting of the way; steps that are skipped do not count. With all rows and rate 1 it
    is a sweep of coordinate ascent. The bound of a batch is noisy and need not rise.

    Args:
        model: p and the factors of q, with ``natural_step``.
        posterior: ``VariationalFactor()``, which None stands for.
        delay: at least 1; more gives the first steps less say.
        forgetting: from 0 to 1; steps converge above 0.5.

    Raises:
        NoClosedForm: the model has no ``natural_step``.
        LatentiaError: another posterior, or a number out of range.
    """

    def __init__(
        self, model: GenerativeModel, posterior: Posterior | None = None, delay: float = 10.0, forgetting: float = 0.7
    ) -> None:
        if not isinstance(model, HasNaturalGradient):
            raise NoClosedForm(f"natural gradients need natural_step, which {type(model).__name__} lacks; use Joint.")
        if not (1 <= delay < float("inf") and 0 <= forgetting <= 1):
            raise LatentiaError(
                f"delay is {delay} and forgetting {forgetting}, wanted at least 1 and from 0 to 1, for rates of at most 1."
            )
        self.model, self.posterior = model, own_factor(posterior, "natural gradient")
        self.delay, self.forgetting = delay, forgetting
        self.bound: Bound = Elbo()
        self.draws, self.steps = 1, 0
        self._taken = 0
        self._closed: HasNaturalGradient = model
        self._modules = nn.ModuleDict({"model": model, "posterior": self.posterior})

    @torch.no_grad()
    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One step from some training rows.

        Returns:
            "bound": the ELBO of all rows after the step as these rows estimate it, nats a row; "rate": KL(q(z) || p(z)) in
            nats a row, before the other factors move; "grad_norm": 0; "skipped": 1 where something was not finite, the
            factors being left as they were.

        Raises:
            NoClosedForm: the batch has a mask.
        """
        rate, self.steps = self.lr, self.steps + 1
        ranks, sound = company(), is_finite(batch)
        if not (sound if ranks is None else everywhere(sound, ranks)):
            return not_taken(batch)
        before = [buffer.clone() for buffer in self.model.buffers()]
        q = self._closed.variational_posterior(batch)
        kl = closed_kl(q, self.model.prior(batch.given)).double().mean()
        for factor in self._closed.factors:
            self._closed.natural_step(factor, batch, q, rate)
            if ranks is not None:
                average_moves(self.model, ranks)
        bound = self._closed.elbo(batch, q) / batch.n_rows
        # A mean over processes is finite only where each of them is.
        seen = torch.stack([bound, kl]) if ranks is None else ranks.mean(torch.stack([bound, kl]))[0]
        skipped = ~torch.isfinite(seen).all()
        if bool(skipped):
            put_back(self.model, before)
        else:
            self._taken += 1
        return log_of(bound, kl, skipped)

    def own_look(self, split: Split) -> dict[str, float]:
        """The bound of ``coordinate_ascent.held_out_bound``."""
        return held_out_bound(self.model, split)

    def own_memory(self) -> Memory:
        return {"taken": self._taken}

    def restore_own(self, memory: Memory) -> None:
        self._taken = as_int(memory["taken"])

    def check(self, total_steps: int) -> None:
        """Refuses nothing: the schedule never ends."""

    @property
    def modules(self) -> nn.ModuleDict:
        return self._modules

    @property
    def lr(self) -> float:
        """Of the next step: the share of the way to the batch's best."""
        return (self._taken + self.delay) ** -self.forgetting

    @property
    def effective_beta(self) -> float:
        return 1.0

    @property
    def warm_up_steps(self) -> int:
        return 0


def everywhere(sound: bool, ranks: Ranks) -> bool:
    """Whether all processes say so of their rows; one without rows has nothing to say."""
    return not ranks.most(int(not sound and ranks.share > 0))[0]


@torch.no_grad()
def average_moves(model: nn.Module, ranks: Ranks) -> None:
    """Where the whole batch would have moved a factor: a natural step is linear in what its rows say."""
    buffers = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
    for buffer, mean in zip(buffers, ranks.mean(*buffers), strict=True):
        buffer.copy_(mean)
