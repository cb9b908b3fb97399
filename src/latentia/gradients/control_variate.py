"""The score function less a control variate of the relaxed draw, whose own gradient is put back along the path.

The estimator of Tucker et al. (2017), REBAR: Low-variance, unbiased gradient estimates for discrete latent variable models,
and of Grathwohl et al. (2018), Backpropagation through the void: Optimizing control variates for black-box gradient
estimation. Both are one rule, for a function c of noisy logits zeta whose cut is the draw z:

    (f(z) - c(zeta')) d log q(z) + d c(zeta) - d c(zeta'),    zeta' drawn again given z,

where the second noise is tied to the first, so that zeta' = zeta in value and the model is asked once for both.
"""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from latentia.bounds import Bound, Elbo
from latentia.core import Batch
from latentia.core.errors import LatentiaError
from latentia.distributions import Relaxable
from latentia.gradients.base import Estimate, proper
from latentia.gradients.discrete import linear_log_prior, relaxable_or_refuse
from latentia.gradients.leave_one_out import mean_of_the_others
from latentia.gradients.moving import Moving
from latentia.models import GenerativeModel
from latentia.weights import terms


class ControlVariate(nn.Module, ABC):
    """c = scale * log-weight at the relaxed draw + what a subclass adds. Only for the ELBO; independent bits or codes.

    Temperature, scale and whatever a subclass owns learn to lower the variance: the slope of the mean square of the estimate
    for q's logits is written into the surrogate (the estimate's mean does not depend on them). Rewards are centered at
    the mean of the row's other draws, or a moving average where there is one draw, so that a scale other than one costs no
    constant: late in training rows differ by more than draws do, and the scale is free to fall.

    Args:
        name: of the gradient, for messages.
        temperature: where the temperature starts.
        scale: where the scale starts.
        speed: temperature (as a logarithm) and scale move by so many times the learner's rate.
        decay: of the moving average that one draw is compared with.

    Raises:
        LatentiaError: a temperature, speed or decay out of range.
    """

    def __init__(self, name: str, temperature: float, scale: float, speed: float, decay: float) -> None:
        super().__init__()
        if not temperature > 0:
            raise LatentiaError(f"temperature is {temperature}, wanted a positive number; 0.5 is a start.")
        if not speed > 0:
            raise LatentiaError(f"speed is {speed}, wanted a positive number; freeze the parameters to hold them.")
        self.name, self.temperature, self.scale, self.speed, self.decay = name, temperature, scale, speed, decay
        self.moving = Moving(decay)
        # Adam's steps are as long as its rate whatever the gradient's size: a longer lever makes a parameter faster.
        self.slow_log_temperature = nn.Parameter(torch.tensor(math.log(temperature) / speed))
        self.slow_scale = nn.Parameter(torch.tensor(scale / speed))

    @abstractmethod
    def free_form(self, soft: Tensor, batch: Batch) -> Tensor | None:
        """What is added to c: soft (K, B, *z_shape) -> (K, B) nats, or None."""

    @property
    def present(self) -> tuple[Tensor, Tensor]:
        """Temperature and scale as they are now, with a gradient."""
        return (self.speed * self.slow_log_temperature).exp(), self.speed * self.slow_scale

    def __call__(
        self,
        bound: Bound,
        model: GenerativeModel,
        q: Distribution,
        batch: Batch,
        n_draws: int,
        kl_weight: float = 1.0,
    ) -> Estimate:
        if not isinstance(bound, Elbo):
            raise LatentiaError(
                f"{self.name!r} averages its credits over draws, and {type(bound).__name__} does not; "
                "use gradient='leave-one-out', or bound='elbo'."
            )
        factors = relaxable_or_refuse(q, self.name)
        with torch.no_grad():
            noisy = factors.noisy(n_draws)
            hard = factors.harden(noisy)
        parts = terms(model, q, batch, hard)
        reward = parts.weights(kl_weight).detach()
        if n_draws > 1:
            center = mean_of_the_others(reward)
        else:
            center, _ = self.moving.before(reward, lambda: terms(model, q, batch, factors.draw(n_draws)).weights(kl_weight))
        learned = [p for p in self.parameters() if p.requires_grad]
        with torch.enable_grad():
            at = noisy.requires_grad_()
            control = self._control(model, factors.held(), batch, at, center, kl_weight)
            (path,) = torch.autograd.grad(control.sum(), at, create_graph=bool(learned))
            slope = _slope(factors.held(), hard, reward - center - control, path, noisy.detach())
            # The score that the log-weight itself has in q averages to nothing under the ELBO, and is left out.
            surrogate = (parts.log_likelihood + kl_weight * parts.log_prior).mean(0)
            surrogate = surrogate + (slope.detach() * factors.logits).sum(factors.event)
            if learned:
                surrogate = surrogate - _descent(slope.square().sum() / len(slope), learned)
        return Estimate(proper(bound, parts), surrogate, parts.rate())

    def _control(
        self, model: GenerativeModel, factors: Relaxable, batch: Batch, noisy: Tensor, center: Tensor, kl_weight: float
    ) -> Tensor:
        """c at noisy logits (K, B, *event) -> (K, B), for rewards less ``center``.

        A jump in it would be a bias: only what is continuous enters.
        """
        temperature, scale = self.present
        soft = factors.soften(noisy, temperature)
        relaxed, log_prior = model.log_likelihood(soft, batch), linear_log_prior(model, soft, batch)
        if log_prior is not None:
            relaxed = relaxed + kl_weight * (log_prior - factors.log_mass(soft))
        control, added = scale * (relaxed - center), self.free_form(soft, batch)
        return control if added is None else control + added


def _slope(factors: Relaxable, hard: Tensor, credit: Tensor, path: Tensor, noisy: Tensor) -> Tensor:
    """The estimate for q's logits, averaged over draws: credit (K, B), the others (K, B, *event) -> (B, *event)."""
    score = hard - factors.mean
    credit = credit.reshape(credit.shape + (1,) * len(factors.event))
    return (credit * score + factors.beside_conditional(path, noisy)).mean(0)


def _descent(objective: Tensor, parameters: list[nn.Parameter]) -> Tensor:
    """() a number whose gradient is the objective's for these parameters, and nothing for any other."""
    slopes = torch.autograd.grad(objective, parameters, materialize_grads=True)
    return torch.stack([(slope * parameter).sum() for slope, parameter in zip(slopes, parameters, strict=True)]).sum()
