"""The pathwise gradient of a relaxed draw, in place of a discrete one: quiet, and biased.

Maddison, Mnih & Teh (2017), The concrete distribution; Jang, Gu & Poole (2017), Categorical reparameterization with
Gumbel-softmax; straight through: Bengio, Leonard & Courville (2013), Estimating or propagating gradients.
"""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.distributions import Distribution

from latentia.bounds import Bound, Elbo
from latentia.core import Batch
from latentia.core.errors import LatentiaError
from latentia.distributions import closed_kl, has_closed_kl, relaxable
from latentia.gradients.base import Estimate, plain_draws, proper
from latentia.gradients.discrete import linear_log_prior, refuse_continuous, relaxable_or_refuse
from latentia.models import GenerativeModel
from latentia.weights import Terms, terms


@runtime_checkable
class HasRelaxedDraws(Protocol):
    """A discrete distribution that relaxes its own draws."""

    def relaxed_rsample(self, sample_shape: torch.Size, temperature: float) -> Tensor:
        """Soft draws that carry a gradient: (*sample_shape, *batch, *event)."""
        ...


class Relaxed:
    """Bits and one-hot codes between 0 and 1 while the gradient is found; the reported bound is that of the hard draws.

    What is differentiated is an objective of its own. The ELBO with a closed KL(q || prior): E log p(x | z) at relaxed z,
    less that KL of the discrete distributions. Every other case: the bound of log-weights at relaxed z, where the
    log-masses of q and of a prior that factorizes are continued linearly between the states; any other prior is asked for
    its log_prob there. (Densities of the relaxed draws would bound a relaxed model instead.) As the temperature falls, the
    objective becomes the bound proper and its gradient's variance grows.

    Args:
        temperature: positive.
        straight_through: the model sees the hard draw and the gradient passes as if it were the relaxed one.

    Raises:
        LatentiaError: a temperature that is not positive.
    """

    def __init__(self, temperature: float = 0.5, straight_through: bool = False) -> None:
        if not temperature > 0:
            raise LatentiaError(f"temperature is {temperature}, wanted a positive number; 0.5 is a start.")
        self.temperature, self.straight_through = temperature, straight_through

    def __call__(
        self,
        bound: Bound,
        model: GenerativeModel,
        q: Distribution,
        batch: Batch,
        n_draws: int,
        kl_weight: float = 1.0,
    ) -> Estimate:
        z, hard = self._draws(q, n_draws)
        prior = model.prior(batch.given)
        if isinstance(bound, Elbo) and has_closed_kl(q, prior):
            kl = closed_kl(q, prior)
            log_likelihood = model.log_likelihood(z, batch).mean(0)
            reported = log_likelihood if self.straight_through else _quietly(model, hard, batch).mean(0)
            return Estimate((reported - kl).detach(), log_likelihood - kl_weight * kl, kl.detach())
        factors = relaxable(q)
        log_q = q.log_prob(z) if factors is None else factors.log_mass(z)
        log_prior = linear_log_prior(model, z, batch)
        log_prior = model.log_prior(z, batch) if log_prior is None else log_prior
        parts = Terms(model.log_likelihood(z, batch), log_prior, log_q)
        with torch.no_grad():
            drawn = terms(model, q, batch, hard)
        return Estimate(proper(bound, drawn), bound(parts.weights(kl_weight)), drawn.rate())

    def _draws(self, q: Distribution, n_draws: int) -> tuple[Tensor, Tensor]:
        """What the gradient sees, and hard draws: (K, B, *z_shape) each."""
        if isinstance(q, HasRelaxedDraws):
            refuse_continuous(q, "relaxed")
            if self.straight_through:
                raise LatentiaError(
                    f"{type(q).__name__} relaxes its draws itself and does not say which hard draw belongs to one; "
                    "use straight_through=False."
                )
            return q.relaxed_rsample(torch.Size((n_draws,)), self.temperature), plain_draws(q, n_draws)
        factors = relaxable_or_refuse(q, "relaxed")
        noisy = factors.noisy(n_draws)
        hard, soft = factors.harden(noisy.detach()), factors.soften(noisy, self.temperature)
        return (hard + (soft - soft.detach()) if self.straight_through else soft), hard


@torch.no_grad()
def _quietly(model: GenerativeModel, z: Tensor, batch: Batch) -> Tensor:
    return model.log_likelihood(z, batch)
