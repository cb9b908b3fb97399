"""The logit of a relaxed coin: a logistic, of which a sigmoid is nearly 0 or 1 at a low temperature.

Maddison, Mnih & Teh (2017), The concrete distribution. torch's own draws from probabilities, which end its logits at about
16 in float32, and does not say that its draws carry a gradient.
"""

import torch
from torch import Tensor
from torch.distributions import constraints
from torch.types import _size

from latentia.distributions.entry import Entry, How
from latentia.distributions.parametric import Parametric
from latentia.distributions.univariate.logistic import Logistic


class LogitRelaxedBernoulli(Parametric):
    """(logits + a standard logistic) / temperature, a real number; exp(logits) are the odds of its being positive.

    Args:
        temperature: positive; the lower, the nearer the sigmoid of a draw is to a coin's 0 or 1.
        logits: any real numbers.
    """

    arg_constraints = {"temperature": constraints.positive, "logits": constraints.real}
    support = constraints.real
    has_rsample = True
    temperature: Tensor
    logits: Tensor

    def __init__(self, temperature: Tensor | float, logits: Tensor | float, validate_args: bool | None = None) -> None:
        super().__init__(temperature=temperature, logits=logits, validate_args=validate_args)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats: value (...) -> (...)."""
        if self._validate_args:
            self._validate_sample(value)
        return self._logistic.log_prob(value)

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        return self._logistic.rsample(sample_shape)

    def cdf(self, value: Tensor) -> Tensor:
        return self._logistic.cdf(value)

    def icdf(self, value: Tensor) -> Tensor:
        return self._logistic.icdf(value)

    @property
    def probs(self) -> Tensor:
        """The probability of a positive draw, whatever the temperature."""
        return torch.sigmoid(self.logits)

    @property
    def mean(self) -> Tensor:
        return self._logistic.mean

    @property
    def mode(self) -> Tensor:
        return self._logistic.mode

    @property
    def variance(self) -> Tensor:
        return self._logistic.variance

    def entropy(self) -> Tensor:
        return self._logistic.entropy()

    @property
    def _logistic(self) -> Logistic:
        return Logistic(self.logits / self.temperature, 1 / self.temperature, validate_args=False)


LOGIT_RELAXED_BERNOULLI = Entry(
    LogitRelaxedBernoulli,
    How.LOCATION_SCALE,
    "(logits + log(u / (1 - u))) / temperature",
    "Maddison, Mnih & Teh (2017), The concrete distribution",
    typical={"temperature": [0.7, 1.5], "logits": [-1.0, 0.5]},
    extreme={"temperature": [0.1, 10.0, 1.0], "logits": [-30.0, 1e3, 0.0]},
    invalid={"temperature": [-1.0, 1.0]},
)
