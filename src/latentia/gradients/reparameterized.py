"""The pathwise gradient: draw noise, move it by the posterior's parameters, differentiate through.

Kingma & Welling (2014); Rezende, Mohamed & Wierstra (2014).
"""

from torch.distributions import Distribution

from latentia.bounds import Bound
from latentia.core import Batch
from latentia.gradients.base import Estimate, proper, reparameterized_draws
from latentia.models import GenerativeModel
from latentia.weights import terms


class Reparameterized:
    """Total derivative of any bound through z = z(eps; phi)."""

    def __call__(
        self,
        bound: Bound,
        model: GenerativeModel,
        q: Distribution,
        batch: Batch,
        n_draws: int,
        kl_weight: float = 1.0,
    ) -> Estimate:
        z = reparameterized_draws(q, n_draws, "reparameterized")
        parts = terms(model, q, batch, z)
        return Estimate(proper(bound, parts), bound(parts.weights(kl_weight)), parts.rate())
