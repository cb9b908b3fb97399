"""The phases of wake and sleep, each of which may be left out: one step that every such learner takes.

Hinton, Dayan, Frey & Neal (1995), The "Wake-Sleep" Algorithm for Unsupervised Neural Networks; Bornschein & Bengio (2015),
Reweighted Wake-Sleep.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from latentia.bounds import Bound
from latentia.core import Batch
from latentia.core.checks import expand_mask
from latentia.core.errors import LatentiaError
from latentia.gradients.base import plain_draws
from latentia.learners.base import Learner
from latentia.learners.joint import Precision
from latentia.learners.schedules import KLWeight, LearningRate, check_schedules
from latentia.learners.stepping import begin_step, check_step, fused_adam, half_precision, take_step
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior, Table
from latentia.weights import terms


class Losses(NamedTuple):
    """What the two halves pay, () each, and what is logged: the bound and the rate, () each, detached."""

    theta: Tensor | None
    phi: Tensor | None
    bound: Tensor
    rate: Tensor


class Phases(Learner):
    """One Adam over model and posterior, whose gradients come from losses of their own and never mix.

    Three phases, each of which may be left out; theta stands for the model's parameters and phi for the posterior's:
    wake theta raises sum_k v_k log p(x, z_k) at draws z_k from q(z | x), whose shares v_k sum to 1; wake phi raises
    sum_k v_k log q(z_k | x); sleep phi raises log q(z | x) at a draw of both from p, one for each row of the batch. Where
    values of a row are missing, they are hidden from the dream that stands beside it, too.

    Args:
        model: p.
        posterior: q; one that answers for rows it has never seen.
        bound: of the wake draws' log-weights: what is logged, and by which epochs are compared.
        shares: log-weights (K, B) -> the shares of a row's draws, (K, B).
        draws: K, wake draws a row.
        lr: learning rate at each step.
        betas: Adam's moment decays.
        eps: Adam's epsilon.
        clip: largest norm of the whole gradient; None leaves it as it is.
        precision: "bf16" runs the networks under autocast.
        wake_theta: the model learns; else it is neither changed nor put into training mode.
        wake_phi: the posterior learns from its own draws.
        sleep_phi: the posterior learns from the model's draws.

    Raises:
        LatentiaError: no draws asked for, nothing to learn, or a posterior that holds numbers of rows.
    """

    def __init__(
        self,
        model: GenerativeModel,
        posterior: Posterior,
        bound: Bound,
        shares: Callable[[Tensor], Tensor],
        draws: int,
        lr: LearningRate,
        betas: Sequence[float],
        eps: float,
        clip: float | None,
        precision: Precision,
        *,
        wake_theta: bool,
        wake_phi: bool,
        sleep_phi: bool,
    ) -> None:
        check_step(draws, clip)
        if isinstance(posterior, Table):
            raise LatentiaError("Table holds numbers of the data's rows, and a dreamed row has none; use 'amortized'.")
        self.model, self.posterior, self.bound = model, posterior, bound
        self.draws, self.clip, self.precision = draws, clip, precision
        self.wake_theta, self.wake_phi, self.sleep_phi = wake_theta, wake_phi, sleep_phi
        self.shares, self.lr_schedule, self.steps = shares, lr, 0
        learning = {"model": model} if wake_theta else {}
        learning |= {"posterior": posterior} if wake_phi or sleep_phi else {}
        self._modules = nn.ModuleDict(learning)
        self.theta, self.phi = (
            [p for p in learning[half].parameters() if p.requires_grad] if half in learning else []
            for half in ("model", "posterior")
        )
        if "posterior" in learning and not self.phi:
            raise LatentiaError(
                f"{type(posterior).__name__} has no parameter to learn, so that no phase could teach it; use 'amortized'."
            )
        self.parameters = [p for p in self._modules.parameters() if p.requires_grad]
        if not self.parameters:
            raise LatentiaError("no phase moves a parameter; nothing would be learned.")
        self.optimizer = fused_adam(self.parameters, lr.at(0), betas, eps)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        begin_step(self.optimizer, self.lr)
        self.posterior.before_step(self.model, batch)
        with half_precision(batch.x.device, self.precision == "bf16"):
            losses = self.losses(batch)
        cause = losses.bound.detach()
        for loss, own in ((losses.theta, self.theta), (losses.phi, self.phi)):
            if loss is not None and own:
                # Only so far: a prior made of posteriors would lead theta's loss on to phi.
                loss.backward(inputs=own)
                cause = cause + loss.detach()
        norm, skipped = take_step(self.optimizer, self.parameters, cause, self.clip)
        self.steps += 1
        return {"bound": losses.bound, "rate": losses.rate, "grad_norm": norm, "skipped": skipped}

    def losses(self, batch: Batch) -> Losses:
        """Of the phases that are on. The bound is that of the wake draws; mean log q of the dreams where there are none."""
        theta = phi = None
        bound = rate = None
        if self.wake_theta or self.wake_phi:
            theta, phi, bound, rate = self._wake(batch)
        if self.sleep_phi:
            z, dream = self.dreams(batch)
            log_q = self.posterior.infer(self.model, dream).log_prob(z)
            phi = -log_q.mean() if phi is None else phi - log_q.mean()
            if bound is None:
                with torch.no_grad():
                    log_prior = self.model.log_prior(z.unsqueeze(0), dream).squeeze(0)
                    bound, rate = log_q.mean(), (log_q - log_prior).mean()
        assert bound is not None
        assert rate is not None
        return Losses(theta, phi, bound, rate)

    def _wake(self, batch: Batch) -> Losses:
        # What is not finite shows in log p(x | z); torch's draws would stop at it where the step is to be skipped.
        seen = batch._replace(x=torch.nan_to_num(batch.x, nan=0.0, posinf=0.0, neginf=0.0))
        with torch.set_grad_enabled(self.wake_phi):
            q = self.posterior.infer(self.model, seen)
        parts = terms(self.model, q, batch, plain_draws(q, self.draws))
        w = parts.weights().detach()
        share = self.shares(w)
        theta = -(share * (parts.log_likelihood + parts.log_prior)).sum(0).mean() if self.wake_theta else None
        phi = -(share * parts.log_q).sum(0).mean() if self.wake_phi else None
        return Losses(theta, phi, self.bound(w).mean(), parts.rate().mean())

    def dreams(self, batch: Batch) -> tuple[Tensor, Batch]:
        """As many draws of both from the model as the batch has rows: z (B, *z_shape), and a batch of x."""
        z, x = self.model.sample_joint(len(batch.x), batch.given)
        mask = self.hide(batch)
        if mask is not None:
            x = torch.where(expand_mask(mask, x), x, torch.zeros_like(x))
        return z, batch._replace(x=x, mask=mask)

    def hide(self, batch: Batch) -> Tensor | None:
        """A hook: which values of the dreams are seen; as in the rows beside them unless overridden."""
        return batch.mask

    def check(self, total_steps: int) -> None:
        check_schedules(self.lr_schedule, KLWeight(), total_steps)

    @property
    def modules(self) -> nn.ModuleDict:
        return self._modules

    @property
    def lr(self) -> float:
        return self.lr_schedule.at(self.steps)

    @property
    def effective_beta(self) -> float:
        return 1.0

    @property
    def warm_up_steps(self) -> int:
        return 0
