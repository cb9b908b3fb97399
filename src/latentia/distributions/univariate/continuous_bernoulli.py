"""The continuous Bernoulli by its logit, exact for every logit.

Loaiza-Ganem & Cunningham (2019), The continuous Bernoulli: fixing a pervasive error in variational autoencoders. torch's own
goes through the probability, which float32 rounds to one at a logit of 16: from there on its density no longer integrates
to one.
"""

import math

import torch
from torch import Tensor
from torch.distributions import constraints
from torch.nn import functional as F
from torch.types import _size

from latentia.distributions.entry import Entry, How
from latentia.distributions.parametric import Parametric, open_uniform, within

# Logits below which a series takes over, where a closed form is a difference of numbers near 1 / logit; the draws' series is
# shorter.
SMALL = 0.1
SMALL_FOR_DRAWS = 0.01


class ContinuousBernoulli(Parametric):
    """Density proportional to exp(logit * x) on [0, 1]; uniform at logit 0.

    Args:
        logits: any real numbers; the log-density's slope in x.
    """

    arg_constraints = {"logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    logits: Tensor

    def __init__(self, logits: Tensor | float, validate_args: bool | None = None) -> None:
        super().__init__(logits=logits, validate_args=validate_args)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats: value (..., in [0, 1]) -> (...)."""
        if self._validate_args:
            self._validate_sample(value)
        # log sigmoid(a)^x sigmoid(-a)^(1-x), then the constant 2 artanh(tanh(a/2)) / tanh(a/2) = a / tanh(a/2).
        log_density = value * self.logits + F.logsigmoid(-self.logits) + self._log_constant()
        return within((value >= 0) & (value <= 1), log_density, value)

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        return self.icdf(open_uniform(self._draw_shape(sample_shape), self.logits))

    def cdf(self, value: Tensor) -> Tensor:
        x = value.clamp(0, 1)
        is_near, near, far = self._split(SMALL_FOR_DRAWS)
        lean = -far.abs()
        from_end = torch.expm1(torch.where(far > 0, 1 - x, x) * lean) / torch.expm1(lean)
        closed = torch.where(far > 0, 1 - from_end, from_end)
        fall = x * (x - 1)
        series = x + near * fall * (0.5 + near * ((2 * x - 1) / 12 + near * fall / 24))
        return torch.where(is_near, series, closed)

    def icdf(self, value: Tensor) -> Tensor:
        """The value below which a share of the mass lies: (..., in (0, 1)) -> (...)."""
        u = value
        is_near, near, far = self._split(SMALL_FOR_DRAWS)
        # Inverted from the end that the density leans on, where exp cannot overflow.
        lean = -far.abs()
        from_end = torch.log1p(torch.where(far > 0, 1 - u, u) * torch.expm1(lean)) / lean
        closed = torch.where(far > 0, 1 - from_end, from_end)
        series = u + near * u * (1 - u) * (0.5 + near * (1 - 2 * u) / 6)
        return torch.where(is_near, series, closed).clamp(0, 1)

    @property
    def mean(self) -> Tensor:
        is_near, near, far = self._split(SMALL)
        series = 0.5 + near / 12 - near**3 / 720 + near**5 / 30240
        return torch.where(is_near, series, 0.5 + 0.5 / torch.tanh(far / 2) - 1 / far)

    @property
    def variance(self) -> Tensor:
        is_near, near, far = self._split(SMALL)
        series = 1 / 12 - near**2 / 240 + near**4 / 6048
        size = far.abs()
        # The subtracted 1 / (2 sinh(size / 2))^2 in decaying terms, whose gradient is finite at every size.
        return torch.where(is_near, series, size**-2 - torch.exp(-size) / torch.expm1(-size).square())

    @property
    def mode(self) -> Tensor:
        """The end that the density leans on; the middle where it is flat and every value is as likely."""
        return (self.logits.detach().sign() + 1) / 2

    def entropy(self) -> Tensor:
        is_near, near, far = self._split(SMALL)
        square, size = near.square(), far.abs()
        series = square * (-1 / 24 + square * (1 / 960 - square * (5 / 181440)))
        decay = torch.exp(-size)
        # The average slope towards the steep end, in which exp(size) would overflow.
        closed = 1 - size * decay / -torch.expm1(-size) + torch.log1p(decay) - torch.log(size / torch.tanh(size / 2))
        return torch.where(is_near, series, closed)

    def _log_constant(self) -> Tensor:
        is_near, near, far = self._split(SMALL)
        half = (near / 2).square()
        series = math.log(2) + half * (1 / 3 - half * (7 / 90 - half * (62 / 2835)))
        return torch.where(is_near, series, torch.log(far / torch.tanh(far / 2)))

    def _split(self, small: float) -> tuple[Tensor, Tensor, Tensor]:
        """Which logits are near zero, and the logits for the series and for the closed form, harmless where not used."""
        is_near = self.logits.abs() < small
        zero, one = torch.zeros_like(self.logits), torch.ones_like(self.logits)
        return is_near, torch.where(is_near, self.logits, zero), torch.where(is_near, one, self.logits)


CONTINUOUS_BERNOULLI = Entry(
    ContinuousBernoulli,
    How.INVERSE_CDF,
    "log(1 + u (e^logit - 1)) / logit",
    "Loaiza-Ganem & Cunningham (2019), The continuous Bernoulli: fixing a pervasive error in variational autoencoders",
    typical={"logits": [-2.0, 0.5, 3.0]},
    extreme={"logits": [-1e4, 0.0, 1e-3, 30.0, 1e4]},
    invalid={"logits": [float("nan"), 0.0, 0.0]},
)
