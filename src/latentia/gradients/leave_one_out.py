"""The score-function gradient in which each draw is judged against the others.

With the ELBO it is the leave-one-out REINFORCE of Kool, van Hoof & Welling (2019); with the importance-weighted bound,
Mnih & Rezende (2016), Variational Inference for Monte Carlo Objectives. Both are one rule: a draw's credit is the bound
minus the bound in which its weight is replaced by the mean of the others'. The score that log q has inside the log-weights
is judged in the same way (``whole_credits``), so that the gradient of phi vanishes where q is exact.
"""

from torch import Tensor
from torch.distributions import Distribution

from latentia.bounds import Bound
from latentia.core import Batch
from latentia.core.errors import LatentiaError
from latentia.gradients.base import Estimate, plain_draws, proper, score_surrogate
from latentia.models import GenerativeModel
from latentia.weights import terms


class LeaveOneOut:
    """Needs no parameters and at least two draws; for any q."""

    def __call__(
        self,
        bound: Bound,
        model: GenerativeModel,
        q: Distribution,
        batch: Batch,
        n_draws: int,
        kl_weight: float = 1.0,
    ) -> Estimate:
        if n_draws < 2:
            raise LatentiaError(f"leave-one-out needs draws >= 2, got {n_draws}; use more draws, or 'score-function'.")
        z = plain_draws(q, n_draws)
        parts = terms(model, q, batch, z)
        w = parts.weights(kl_weight).detach()
        surrogate = score_surrogate(bound, parts, mean_of_the_others(w), kl_weight)
        return Estimate(proper(bound, parts), surrogate, parts.rate())


def mean_of_the_others(w: Tensor) -> Tensor:
    """For each log-weight the mean of the row's others: (K, B) -> (K, B)."""
    return (w.sum(0, keepdim=True) - w) / (len(w) - 1)
