"""Where p meets q: the log-weights log p(x, z) - log q(z), in their three terms."""

from typing import NamedTuple

from torch import Tensor
from torch.distributions import Distribution

from latentia.core import Batch
from latentia.models import GenerativeModel


class Terms(NamedTuple):
    """What a log-weight is made of, each (K, B) nats."""

    log_likelihood: Tensor
    log_prior: Tensor
    log_q: Tensor

    def weights(self, kl_weight: float = 1.0) -> Tensor:
        """log p(x | z) + kl_weight (log p(z) - log q(z)): (K, B); at 1 the log-weights proper."""
        return self.log_likelihood + kl_weight * (self.log_prior - self.log_q)

    def rate(self) -> Tensor:
        """Draws' estimate of KL(q || prior): (B,), detached."""
        return (self.log_q - self.log_prior).detach().mean(0)


def terms(model: GenerativeModel, q: Distribution, batch: Batch, z: Tensor) -> Terms:
    """The three terms at z (K, B, *z_shape)."""
    return Terms(model.log_likelihood(z, batch), model.log_prior(z, batch), q.log_prob(z))


def log_weights(model: GenerativeModel, q: Distribution, batch: Batch, z: Tensor, kl_weight: float = 1.0) -> Tensor:
    """log p(x, z) - log q(z): z (K, B, *z_shape) -> (K, B) nats, with the KL part weighted if asked."""
    return terms(model, q, batch, z).weights(kl_weight)
