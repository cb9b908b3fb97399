"""The ELBO with its KL in closed form; only the reconstruction is drawn.

Kingma & Welling (2014), Auto-Encoding Variational Bayes; free bits from Kingma et al. (2016), Improving Variational
Inference with Inverse Autoregressive Flow; beta from Higgins et al. (2017), beta-VAE.
"""

import torch
from torch import Tensor
from torch.distributions import Distribution

from latentia.bounds import Bound, Elbo
from latentia.core import Batch
from latentia.core.errors import LatentiaError, NoClosedForm
from latentia.distributions import closed_kl, kl_per_dimension
from latentia.gradients.base import Estimate, reparameterized_draws
from latentia.gradients.moving import of_all
from latentia.models import GenerativeModel


class AnalyticKL:
    """E_q[log p(x | z)] by draws, minus KL(q || prior) in closed form. Only for the ELBO.

    Args:
        beta: weight of the KL in the gradient; the reported bound keeps weight 1.
        free_bits: nats a latent below which the batch's mean KL of that latent is not pressed further.

    Raises:
        LatentiaError: a negative beta or free_bits.
    """

    def __init__(self, beta: float = 1.0, free_bits: float = 0.0) -> None:
        if beta < 0 or free_bits < 0:
            raise LatentiaError(f"beta and free_bits must not be negative, got {beta} and {free_bits}.")
        self.beta, self.free_bits = beta, free_bits

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
            raise NoClosedForm(
                f"the analytic KL is a term of the ELBO alone, {type(bound).__name__} is no sum over draws; "
                "use gradient='doubly-reparameterized' (or 'auto')."
            )
        z = reparameterized_draws(q, n_draws, "analytic-kl")
        prior = model.prior(batch.given)
        log_likelihood = model.log_likelihood(z, batch)
        log_likelihood = log_likelihood.squeeze(0) if n_draws == 1 else log_likelihood.mean(0)
        kl = closed_kl(q, prior)
        pressed = self._pressed(q, prior) if self.free_bits else kl
        surrogate = log_likelihood - self.beta * kl_weight * pressed
        return Estimate((log_likelihood - kl).detach(), surrogate, kl.detach())

    def _pressed(self, q: Distribution, prior: Distribution) -> Tensor:
        """(B,): the KL of those latents whose batch mean lies above the free bits; the others count as constants."""
        each = kl_per_dimension(q, prior)
        if each is None:
            raise NoClosedForm(
                "free bits need a posterior and a prior that factorize; use 'diagonal-normal' or free_bits=0."
            )
        above = of_all(each.mean(0)) > self.free_bits
        return torch.where(above, each, torch.full_like(each, self.free_bits)).sum(-1)
