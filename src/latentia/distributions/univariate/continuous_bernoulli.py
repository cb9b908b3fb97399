"""The continuous Bernoulli by its logit, exact for every logit.

Loaiza-Ganem & Cunningham (2019), The continuous Bernoulli: fixing a pervasive error in variational autoencoders. torch's own
goes through the probability, which float32 rounds to one at a logit of 16: from there on its density no longer integrates
to one.
"""

import math
from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, constraints
from torch.nn import functional as F
from torch.types import _size

# Logits below which a series takes over, where a closed form is a difference of numbers near 1 / logit; the draws' series is
# shorter.
SMALL = 0.1
SMALL_FOR_DRAWS = 0.01


class ContinuousBernoulli(Distribution):
    """Density proportional to exp(logit * x) on [0, 1]; uniform at logit 0.

    Args:
        logits: any real numbers; the log-density's slope in x.
    """

    has_rsample = True

    def __init__(self, logits: Tensor, validate_args: bool | None = None) -> None:
        self.logits = logits
        super().__init__(logits.shape, validate_args=validate_args)

    @property
    def arg_constraints(self) -> dict[str, constraints.Constraint]:
        return {"logits": constraints.real}

    @property
    def support(self) -> constraints.Constraint:
        return constraints.unit_interval

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats: value (..., in [0, 1]) -> (...)."""
        # log sigmoid(a)^x sigmoid(-a)^(1-x), then the constant 2 artanh(tanh(a/2)) / tanh(a/2) = a / tanh(a/2).
        return value * self.logits + F.logsigmoid(-self.logits) + self._log_constant()

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        tiny = torch.finfo(self.logits.dtype).eps
        u = torch.rand(self._extended_shape(Size(sample_shape)), dtype=self.logits.dtype, device=self.logits.device)
        return self.icdf(u.clamp(tiny, 1 - tiny))

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
        return torch.where(is_near, series, far**-2 - (2 * torch.sinh(far / 2)) ** -2)

    def expand(self, batch_shape: _size, _instance: Any = None) -> "ContinuousBernoulli":
        return ContinuousBernoulli(self.logits.expand(Size(batch_shape)), validate_args=False)

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
