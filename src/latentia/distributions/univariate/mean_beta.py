"""The beta distribution by its mean and its concentration, for shares and rates of which a network says where they lie.

Ferrari & Cribari-Neto (2004), Beta Regression for Modelling Rates and Proportions, section 2.
"""

import torch
from torch import Tensor
from torch.distributions import Beta, constraints
from torch.types import _size

from latentia.distributions.entry import Entry, How
from latentia.distributions.parametric import Parametric, within


class MeanBeta(Parametric):
    """Values in (0, 1) with mean mu and variance mu (1 - mu) / (1 + concentration).

    An end of the interval, where the density may be infinite, counts as the nearest number inside of it.

    Args:
        mu: mean, in (0, 1).
        concentration: positive; mu * concentration and (1 - mu) * concentration are torch's two.
    """

    arg_constraints = {"mu": constraints.unit_interval, "concentration": constraints.positive}
    support = constraints.unit_interval
    has_rsample = True
    mu: Tensor
    concentration: Tensor

    def __init__(self, mu: Tensor | float, concentration: Tensor | float, validate_args: bool | None = None) -> None:
        super().__init__(mu=mu, concentration=concentration, validate_args=validate_args)

    @property
    def concentration1(self) -> Tensor:
        """torch's, the power of x plus one."""
        return self.mu * self.concentration

    @property
    def concentration0(self) -> Tensor:
        """torch's, the power of 1 - x plus one."""
        return (1 - self.mu) * self.concentration

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats: value (...) -> (...); minus infinity outside of [0, 1], NaN for NaN."""
        if self._validate_args:
            self._validate_sample(value)
        a, b = self.concentration1, self.concentration0
        inside = (value >= 0) & (value <= 1)
        x = _inner(torch.where(inside, value, 0.5).to(a.dtype))
        log_density = (a - 1) * x.log() + (b - 1) * torch.log1p(-x)
        log_density = log_density + torch.lgamma(self.concentration) - torch.lgamma(a) - torch.lgamma(b)
        return within(inside, log_density, value)

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        base = Beta(self.concentration1, self.concentration0, validate_args=False)
        return _inner(base.rsample(self._draw_shape(sample_shape)[: len(sample_shape)]))

    @property
    def mean(self) -> Tensor:
        return self.mu

    @property
    def variance(self) -> Tensor:
        return self.mu * (1 - self.mu) / (1 + self.concentration)

    @property
    def mode(self) -> Tensor:
        """Where the density is largest; where it rises without bound, the end of more mass."""
        a, b = self.concentration1, self.concentration0
        inner = (a > 1) & (b > 1)
        high = torch.where(inner, (a - 1) / torch.where(inner, a + b - 2, 1.0), (a >= b).to(a.dtype))
        return _inner(high)

    def entropy(self) -> Tensor:
        """Differential entropy in nats."""
        a, b = self.concentration1, self.concentration0
        log_beta = torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(self.concentration)
        digamma = torch.special.digamma
        return log_beta - (a - 1) * digamma(a) - (b - 1) * digamma(b) + (a + b - 2) * digamma(self.concentration)


def _inner(x: Tensor) -> Tensor:
    """The nearest numbers whose two logarithms are finite."""
    limits = torch.finfo(x.dtype)
    return x.clamp(limits.tiny, 1 - limits.eps / 2)


MEAN_BETA = Entry(
    MeanBeta,
    How.IMPLICIT,
    "g / (g + h), g ~ Gamma(mu · c), h ~ Gamma((1 - mu) · c)",
    "Ferrari & Cribari-Neto (2004), Beta Regression for Modelling Rates and Proportions",
    typical={"mu": [0.3, 0.6], "concentration": [8.0, 4.0]},
    extreme={"mu": [0.5, 1e-3, 0.999, 0.5], "concentration": [0.2, 50.0, 50.0, 1e4]},
    invalid={"mu": [1.5, 0.5], "concentration": [-1.0, 1.0]},
)
