"""Expectation-maximization: the exact posterior, then the best parameters given it, in turn.

Dempster, Laird & Rubin (1977), Maximum Likelihood from Incomplete Data via the EM Algorithm.
"""

import torch
from torch import Tensor, nn

from latentia.bounds import Bound, Elbo
from latentia.core import Batch
from latentia.core.errors import LatentiaError, NoClosedForm
from latentia.distributions import closed_kl
from latentia.learners.base import Learner
from latentia.models import GenerativeModel, HasMStep
from latentia.posteriors import Exact, Posterior


class ExpectationMaximization(Learner):
    """Each step raises log p(x) of the training rows, or leaves it at a stationary point; there is no rate to choose.

    With the exact posterior the ELBO is log p(x), so that the E step closes the gap and the M step raises both (Neal &
    Hinton 1998, A View of the EM Algorithm). A step takes all training rows at once: the maximum for a minibatch would
    forget the others.

    Args:
        model: p, with ``exact_posterior``, ``log_marginal`` and ``maximize``.
        posterior: ``Exact()``, which is what None stands for.

    Raises:
        NoClosedForm: the model lacks a closed form, or the posterior is not the exact one.
        LatentiaError: a parameter of the model is frozen; the M step would move it.
    """

    def __init__(self, model: GenerativeModel, posterior: Posterior | None = None) -> None:
        posterior = Exact() if posterior is None else posterior
        if not isinstance(model, HasMStep):
            raise NoClosedForm(
                f"EM needs exact_posterior, log_marginal and maximize; {type(model).__name__} lacks one of them, use Joint."
            )
        if not isinstance(posterior, Exact):
            raise NoClosedForm(
                f"EM's posterior is the exact one, got {type(posterior).__name__}; give Exact(), or use Joint."
            )
        frozen = [name for name, value in model.named_parameters() if not value.requires_grad]
        if frozen:
            raise LatentiaError(
                f"{frozen[0]!r} is frozen, but EM moves every parameter of the model; thaw it, or use Joint."
            )
        self.model, self.posterior = model, posterior
        self.bound: Bound = Elbo()
        self.draws, self.steps = 1, 0
        self._closed: HasMStep = model
        self._modules = nn.ModuleDict({"model": model, "posterior": posterior})

    @torch.no_grad()
    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One E step and one M step on all training rows.

        Returns:
            "bound": mean log p(x) a row before the step; "rate": mean KL(p(z | x) || p(z)) a row before the step, both nats;
            "grad_norm": 0; "skipped": 1 where either was not finite and the parameters were left as they were.

        Raises:
            LatentiaError: a minibatch; or what ``maximize`` refuses, the parameters being left as they were.
            NoClosedForm: the batch has a mask.
        """
        if len(batch.x) != batch.n_rows:
            raise LatentiaError(
                f"EM steps on all {batch.n_rows} training rows at once, got {len(batch.x)}; use batch_size={batch.n_rows}."
            )
        q = self.posterior.infer(self.model, batch)
        bound = self._closed.log_marginal(batch.x).mean()
        rate = closed_kl(q, self.model.prior(batch.given)).mean()
        skipped = ~(torch.isfinite(bound) & torch.isfinite(rate))
        if not bool(skipped):
            self._closed.maximize(batch.x, q)
        self.steps += 1
        return {"bound": bound, "rate": rate, "grad_norm": torch.zeros_like(bound), "skipped": skipped}

    def check(self, total_steps: int) -> None:
        """Refuses nothing: there are no schedules."""

    @property
    def modules(self) -> nn.ModuleDict:
        return self._modules

    @property
    def lr(self) -> float:
        """1: a step goes all the way to the maximum."""
        return 1.0

    @property
    def effective_beta(self) -> float:
        return 1.0

    @property
    def warm_up_steps(self) -> int:
        return 0
