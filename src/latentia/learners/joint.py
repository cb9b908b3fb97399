"""Model and posterior move together, by one gradient of one bound.

Kingma & Welling (2014), Auto-Encoding Variational Bayes.
"""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from latentia.bounds import Bound, Elbo
from latentia.core import Batch
from latentia.core.errors import LatentiaError
from latentia.gradients import AnalyticKL, Auto, Gradient
from latentia.learners.base import Learner
from latentia.learners.compiled import Compiled
from latentia.learners.schedules import KLWeight, LearningRate, check_schedules
from latentia.learners.stepping import begin_step, check_step, fused_adam, half_precision, take_step
from latentia.models import GenerativeModel, HasCoordinateAscent
from latentia.posteriors import Posterior

Precision = Literal["fp32", "bf16"]


class Joint(Learner):
    """One Adam over the parameters of model, posterior and gradient.

    Args:
        model: p.
        posterior: q.
        bound: what is raised.
        gradient: how it is differentiated.
        draws: K, draws a row.
        lr: learning rate at each step.
        kl: KL weight at each step.
        betas: Adam's moment decays.
        eps: Adam's epsilon.
        clip: largest norm of the whole gradient; None leaves it as it is.
        precision: "bf16" runs the networks under autocast.
        compiled: the pass through model and posterior goes through torch.compile, where that can be.
        hold_model: the model is neither moved nor put into training mode; the posterior alone learns.

    Raises:
        LatentiaError: no draws asked for, or nothing to learn; a model that closed forms move, and no gradient.
    """

    def __init__(
        self,
        model: GenerativeModel,
        posterior: Posterior,
        bound: Bound | None = None,
        gradient: Gradient | None = None,
        draws: int = 1,
        lr: LearningRate = LearningRate(1e-3),  # noqa: B008  an immutable tuple
        kl: KLWeight = KLWeight(),  # noqa: B008  an immutable tuple
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        clip: float | None = None,
        precision: Precision = "fp32",
        compiled: bool = False,
        hold_model: bool = False,
    ) -> None:
        check_step(draws, clip)
        if (
            isinstance(model, HasCoordinateAscent)
            and not hold_model
            and not any(p.requires_grad for p in model.parameters())
        ):
            raise LatentiaError(
                f"{type(model).__name__} has factors and no parameters, which gradients would leave at their start; "
                "use learner 'coordinate-ascent' or 'natural-gradient'."
            )
        self.model, self.posterior = model, posterior
        self.bound: Bound = bound or Elbo()
        self.gradient: Gradient = gradient or Auto()
        self.draws, self.clip, self.precision = draws, clip, precision
        self.lr_schedule, self.kl_schedule = lr, kl
        self.steps = 0
        self._modules = nn.ModuleDict({"posterior": posterior} if hold_model else {"model": model, "posterior": posterior})
        if isinstance(self.gradient, nn.Module):
            self._modules["gradient"] = self.gradient
        self.parameters = [p for p in self._modules.parameters() if p.requires_grad]
        if not self.parameters:
            raise LatentiaError("neither model nor posterior has a parameter to learn; nothing would move.")
        self.optimizer = fused_adam(self.parameters, lr.at(0), betas, eps)
        self.compiled = compiled
        self._pass = Compiled(self._objective) if compiled else self._objective

    def step(self, batch: Batch) -> dict[str, Tensor]:
        begin_step(self.optimizer, self.lr)
        self.posterior.before_step(self.model, batch)
        # A gradient that is still to be chosen chooses in a step that is not compiled, or a graph would hold the choosing.
        choosing = isinstance(self.gradient, Auto) and self.gradient.picked is None
        advance = self._objective if choosing else self._pass
        loss, bound, rate = advance(batch, self.kl_schedule.at(self.steps))
        loss.backward()
        norm, skipped = take_step(self.optimizer, self.parameters, loss.detach(), self.clip)
        self.steps += 1
        return {
            "bound": bound,
            "rate": rate,
            "grad_norm": norm,
            "skipped": skipped,
        }

    def _objective(self, batch: Batch, kl_weight: float) -> tuple[Tensor, Tensor, Tensor]:
        """What is lowered, and the batch's mean bound and rate."""
        with half_precision(batch.x.device, self.precision == "bf16"):
            q = self.posterior.infer(self.model, batch)
            estimate = self.gradient(self.bound, self.model, q, batch, self.draws, kl_weight)
        return -estimate.surrogate.mean(), estimate.bound.mean(), estimate.rate.mean()

    def check(self, total_steps: int) -> None:
        check_schedules(self.lr_schedule, self.kl_schedule, total_steps)

    @property
    def why_uncompiled(self) -> str:
        """A sentence, where compiling was asked for and could not be; else nothing."""
        return self._pass.why_not if isinstance(self._pass, Compiled) else ""

    @property
    def modules(self) -> nn.ModuleDict:
        return self._modules

    @property
    def lr(self) -> float:
        return self.lr_schedule.at(self.steps)

    @property
    def effective_beta(self) -> float:
        own = self.gradient.beta if isinstance(self.gradient, AnalyticKL) else 1.0
        return own * self.kl_schedule.at(self.steps)

    @property
    def warm_up_steps(self) -> int:
        return self.kl_schedule.warm_up
