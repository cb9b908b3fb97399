"""The score-function gradient with a baseline that a network learns for each x.

Mnih & Gregor (2014), Neural Variational Inference and Learning in Belief Networks.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.distributions import Distribution

from latentia.bounds import Bound
from latentia.core import Batch
from latentia.gradients.base import Estimate, plain_draws, proper, score_surrogate
from latentia.gradients.discrete import refuse_continuous, seen
from latentia.gradients.moving import Moving
from latentia.models import GenerativeModel
from latentia.networks import MLP
from latentia.weights import terms


class Nvil(nn.Module):
    """Credits as in ``score-function``; the baseline is a network of x plus a moving average of what the network leaves.

    The network starts at zero and is trained by the squared error of its guess, through the same surrogate and with the
    learner's rate. Its error is divided by max(1, moving standard deviation), as in algorithm 1 of the paper, so that
    rewards of hundreds of nats do not drown the other gradients where a learner clips their norm.

    Args:
        x_shape: shape of one row.
        hidden: widths of the baseline network's hidden layers.
        decay: of the moving average and spread, 0 <= decay < 1.
        normalize: divide the posterior's gradient by max(1, moving standard deviation), too. It is then unbiased up to a
            scale, which moves, while the model's gradient keeps its own: off by default, since Adam takes a scale out.

    Raises:
        LatentiaError: decay outside that range, or a width below one.
    """

    def __init__(
        self, x_shape: Sequence[int], hidden: Sequence[int] = (100,), decay: float = 0.9, normalize: bool = False
    ) -> None:
        super().__init__()
        self.x_shape, self.hidden, self.decay, self.normalize = tuple(x_shape), list(hidden), decay, normalize
        self.moving = Moving(decay)
        self.network = MLP(self.x_shape, self.hidden, 1, activation="tanh")
        nn.init.zeros_(self.network.last.weight)
        nn.init.zeros_(self.network.last.bias)

    def __call__(
        self,
        bound: Bound,
        model: GenerativeModel,
        q: Distribution,
        batch: Batch,
        n_draws: int,
        kl_weight: float = 1.0,
    ) -> Estimate:
        refuse_continuous(q, "nvil")
        parts = terms(model, q, batch, plain_draws(q, n_draws))
        guess = self.guess(batch)
        reward, guessed = parts.weights(kl_weight).detach(), guess.detach()
        center, variance = self.moving.before(
            reward - guessed,
            lambda: terms(model, q, batch, plain_draws(q, n_draws)).weights(kl_weight) - guessed,
        )
        scale = variance.sqrt().clamp_min(1).reciprocal()
        if self.normalize:
            # Everything that reaches the posterior does so through log q.
            parts = parts._replace(log_q=scale * parts.log_q + (1 - scale) * parts.log_q.detach())
        instead = (guessed + center).expand_as(reward)
        surrogate = score_surrogate(bound, parts, instead, kl_weight)
        error = (reward - instead).mean(0)
        return Estimate(proper(bound, parts), surrogate + scale * error * guess, parts.rate())

    def guess(self, batch: Batch) -> Tensor:
        """What the network expects of a log-weight, less the moving average: (B,) nats."""
        return self.network.raw(seen(batch)).flatten(1).squeeze(-1)
