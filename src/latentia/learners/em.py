"""Expectation-maximization: what z is given the parameters, then better parameters given that, in turn.

Dempster, Laird & Rubin (1977), Maximum Likelihood from Incomplete Data via the EM Algorithm; Neal & Hinton (1998), A View of
the EM Algorithm That Justifies Incremental, Sparse, and Other Variants, for E steps that are not exact and M steps that only
improve.
"""

import torch
from torch import Tensor, nn

from latentia.bounds import Bound, Elbo
from latentia.core import Batch
from latentia.core.checks import check_counts, check_shape
from latentia.core.errors import LatentiaError, NoClosedForm
from latentia.distributions import closed_kl
from latentia.gradients.base import plain_draws
from latentia.learners.base import Learner
from latentia.learners.schedules import KLWeight, LearningRate, check_schedules
from latentia.learners.stepping import begin_step, fused_adam, take_step
from latentia.models import GenerativeModel, HasExactPosterior, HasMStep
from latentia.posteriors import Exact, MeanField, PerDatum, Posterior
from latentia.weights import terms


class ExpectationMaximization(Learner):
    """The E step asks the posterior, the M step moves the model alone.

    With the exact posterior and a model that knows its M step, each step takes all training rows, raises their log p(x) or
    leaves it at a stationary point, and there is no rate to choose: a minibatch would forget the other rows. Otherwise the
    M step is some Adam steps up E_q log p(x, z) at draws that are held for the whole step, on a batch of any size.

    Args:
        model: p.
        posterior: ``Exact()`` (which None stands for), or one that is found without learning: ``MeanField``, ``PerDatum``.
        m_steps: Adam steps an M step, where it has no closed form.
        m_draws: draws a row for such an M step.
        lr: rate of those steps.

    Raises:
        NoClosedForm: the posterior is the exact one, and the model has none.
        LatentiaError: an encoder, which EM would not train; or a frozen parameter, where the M step moves all at once.
    """

    def __init__(
        self,
        model: GenerativeModel,
        posterior: Posterior | None = None,
        m_steps: int = 5,
        m_draws: int = 8,
        lr: LearningRate = LearningRate(1e-3),  # noqa: B008  an immutable tuple
    ) -> None:
        posterior = Exact() if posterior is None else posterior
        if not isinstance(posterior, Exact | MeanField | PerDatum):
            raise LatentiaError(
                f"EM's posterior is found and not learned, {type(posterior).__name__} is learned; "
                "give Exact(), MeanField() or PerDatum(...), or use Joint."
            )
        if isinstance(posterior, Exact) and not isinstance(model, HasExactPosterior):
            raise NoClosedForm(
                f"{type(model).__name__} has no exact posterior for an E step; give PerDatum(...), or use Joint."
            )
        check_counts(m_steps=m_steps, m_draws=m_draws)
        closed = isinstance(posterior, Exact) and isinstance(model, HasMStep)
        frozen = [name for name, value in model.named_parameters() if not value.requires_grad]
        if closed and frozen:
            raise LatentiaError(f"{frozen[0]!r} is frozen, but this M step moves every parameter; thaw it, or use Joint.")
        self.model, self.posterior = model, posterior
        self.bound: Bound = Elbo()
        self.m_steps, self.draws, self.steps = m_steps, m_draws, 0
        self.full_batch = closed
        self.lr_schedule = lr
        self._closed: HasMStep | None = model if closed else None  # pyright: ignore[reportAttributeAccessIssue]  just asked
        self._modules = nn.ModuleDict({"model": model, "posterior": posterior})
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        if not self.parameters:
            raise LatentiaError("the model has no parameter to learn; nothing would move.")
        self.optimizer = fused_adam(self.parameters, lr.at(0))

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One E step and one M step.

        Returns:
            "bound": mean ELBO a row before the M step, which is log p(x) under the exact posterior; "rate": mean KL from the
            posterior to the prior, both nats; "grad_norm": of the last Adam step, 0 in closed form; "skipped": 1 where
            something was not finite: nothing was moved from there on.

        Raises:
            LatentiaError: a minibatch for an M step in closed form; or what ``maximize`` refuses, the parameters being left
                as they were.
            NoClosedForm: the batch has a mask and the posterior is the exact one.
            ShapeError: rows of another shape than the model's.
        """
        check_shape(
            "a row of the batch", batch.x.shape[1:], self.model.x_shape, cure="build the model for rows of this shape."
        )
        self.posterior.before_step(self.model, batch)
        log = self._step_in_closed_form(self._closed, batch) if self._closed is not None else self._step_by_gradient(batch)
        self.steps += 1
        return log

    @torch.no_grad()
    def _step_in_closed_form(self, model: HasMStep, batch: Batch) -> dict[str, Tensor]:
        if len(batch.x) != batch.n_rows:
            raise LatentiaError(
                f"EM steps on all {batch.n_rows} training rows at once, got {len(batch.x)}; use batch_size={batch.n_rows}."
            )
        q = self.posterior.infer(self.model, batch)
        bound = model.log_marginal(batch.x).mean()
        rate = closed_kl(q, self.model.prior(batch.given)).mean()
        skipped = ~(torch.isfinite(bound) & torch.isfinite(rate))
        if not bool(skipped):
            model.maximize(batch.x, q)
        return {"bound": bound, "rate": rate, "grad_norm": torch.zeros_like(bound), "skipped": skipped}

    def _step_by_gradient(self, batch: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            q = self.posterior.infer(self.model, batch)
            z = plain_draws(q, self.draws)
            before = terms(self.model, q, batch, z)
            bound, rate = before.weights().mean(), before.rate().mean()
        cause, norm = bound + rate, torch.zeros_like(bound)
        skipped = ~torch.isfinite(cause)
        for _ in range(self.m_steps):
            begin_step(self.optimizer, self.lr)
            loss = -self.model.log_joint(z, batch).mean()
            loss.backward()
            # Once a step was skipped, so are those after it.
            cause = cause + loss.detach()
            norm, skipped = take_step(self.optimizer, self.parameters, cause)
            cause = cause + norm
        return {"bound": bound, "rate": rate, "grad_norm": norm, "skipped": skipped}

    def check(self, total_steps: int) -> None:
        check_schedules(self.lr_schedule, KLWeight(), total_steps)

    @property
    def modules(self) -> nn.ModuleDict:
        return self._modules

    @property
    def lr(self) -> float:
        """Of the next M step's gradients; 1 in closed form, where a step goes all the way to the maximum."""
        return 1.0 if self._closed is not None else self.lr_schedule.at(self.steps)

    @property
    def effective_beta(self) -> float:
        return 1.0

    @property
    def warm_up_steps(self) -> int:
        return 0
