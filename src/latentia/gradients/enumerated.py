"""No draws at all: the sum over every state of z, for a small support."""

import torch
from torch import Tensor
from torch.distributions import Distribution

from latentia.bounds import Bound, Elbo
from latentia.core import Batch
from latentia.core.errors import LatentiaError
from latentia.distributions import LIMIT, describe, states
from latentia.gradients.base import Estimate
from latentia.gradients.discrete import INSTEAD, refuse_continuous
from latentia.models import GenerativeModel
from latentia.weights import Terms


class Enumerated:
    """The bound in expectation over its draws, exactly, and so its gradient without noise.

    The ELBO is sum_z q(z) w(z), whatever K. Another bound is summed over all tuples of K states. The model sees each state
    once, not once a row.

    Args:
        limit: states (for the ELBO) or tuples of states (for another bound) beyond which the sum is refused; memory grows
            with this number times the rows of a batch.

    Raises:
        LatentiaError: a limit below one.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        if limit < 1:
            raise LatentiaError(f"limit is {limit}, wanted at least one state.")
        self.limit = limit

    def __call__(
        self,
        bound: Bound,
        model: GenerativeModel,
        q: Distribution,
        batch: Batch,
        n_draws: int,
        kl_weight: float = 1.0,
    ) -> Estimate:
        refuse_continuous(q, "enumerated")
        z = states(q, self.limit, INSTEAD)
        parts = _terms_of_states(model, q, batch, z)
        if isinstance(bound, Elbo):
            tuples = torch.arange(len(z), device=z.device).unsqueeze(0)
        else:
            tuples = self._tuples(q, len(z), n_draws, z.device)
        chance = parts.log_q[tuples].sum(0).exp()
        surrogate = _expected(bound, chance, parts.weights(kl_weight)[tuples])
        proper = surrogate if kl_weight == 1 else _expected(bound, chance, parts.weights()[tuples])
        share = parts.log_q.exp()
        rate = (share * torch.where(share > 0, parts.log_q - parts.log_prior, 0.0)).sum(0)
        return Estimate(proper.detach(), surrogate, rate.detach())

    def _tuples(self, q: Distribution, n: int, n_draws: int, device: torch.device) -> Tensor:
        """Places of all tuples of states: (K, S^K)."""
        if n**n_draws > self.limit:
            raise LatentiaError(
                f"{n_draws} draws of {describe(q)} make {n}^{n_draws} tuples of states, wanted at most {self.limit}; "
                f"use fewer draws, the ELBO, or gradient='leave-one-out'."
            )
        return torch.cartesian_prod(*[torch.arange(n, device=device)] * n_draws).reshape(-1, n_draws).T


def _terms_of_states(model: GenerativeModel, q: Distribution, batch: Batch, z: Tensor) -> Terms:
    """The three terms at every state for every row, (S, B) each: z (S, *z_shape)."""
    one_row = z.unsqueeze(1)
    every_row = one_row.expand(-1, len(batch.x), *z.shape[1:])
    # A likelihood takes one row of z for all of x, and decodes each state once; a model that says more is owed all rows.
    plain = type(model).log_likelihood is GenerativeModel.log_likelihood
    log_likelihood = model.log_likelihood(one_row if plain else every_row, batch)
    return Terms(log_likelihood, model.log_prior(every_row, batch), q.log_prob(every_row))


def _expected(bound: Bound, chance: Tensor, w: Tensor) -> Tensor:
    """sum over tuples: chance (T, B), their log-weights (K, T, B) -> (B,)."""
    each = bound(w.flatten(1)).reshape(chance.shape)
    # A state that q never draws counts nothing, whatever its weight.
    return (chance * torch.where(chance > 0, each, 0.0)).sum(0)
