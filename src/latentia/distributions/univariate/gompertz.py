"""The Gompertz distribution of lifetimes, by its inverse CDF.

Gompertz (1825), On the nature of the function expressive of the law of human mortality.
"""

import math

import torch
from torch import Tensor
from torch.distributions import constraints
from torch.types import _size

from latentia.distributions.entry import Entry, How
from latentia.distributions.exponential_noise import exponential_nodes
from latentia.distributions.parametric import Parametric, within


class Gompertz(Parametric):
    """Density rate shape exp(rate x + shape - shape e^(rate x)) for x >= 0: a hazard that grows exponentially.

    Args:
        shape: positive; the hazard at 0 is shape times rate.
        rate: positive; by how much the logarithm of the hazard grows in a unit of x.
    """

    arg_constraints = {"shape": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    shape: Tensor
    rate: Tensor

    def __init__(self, shape: Tensor | float, rate: Tensor | float, validate_args: bool | None = None) -> None:
        super().__init__(shape=shape, rate=rate, validate_args=validate_args)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats: value (...) -> (...)."""
        if self._validate_args:
            self._validate_sample(value)
        inside = value >= 0
        y = self.rate * torch.where(inside & (value < torch.inf), value, 0.0)
        # A y whose exponential is no number ends at the largest that has one: a log density of no use, but with a slope.
        y = y.clamp_max(math.log(torch.finfo(y.dtype).max) - 1)
        log_density = self.rate.log() + self.shape.log() + y - self.shape * torch.expm1(y)
        return within(inside, log_density, value)

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        shape = self._draw_shape(sample_shape)
        noise = torch.empty(shape, dtype=self.rate.dtype, device=self.rate.device).exponential_()
        return torch.log1p(noise / self.shape) / self.rate

    def cdf(self, value: Tensor) -> Tensor:
        return -torch.expm1(-self.shape * torch.expm1(self.rate * value.clamp_min(0)))

    def icdf(self, value: Tensor) -> Tensor:
        return torch.log1p(-torch.log1p(-value) / self.shape) / self.rate

    @property
    def mean(self) -> Tensor:
        """e^shape E_1(shape) / rate, by quadrature."""
        return self._moments()[0] / self.rate

    @property
    def mode(self) -> Tensor:
        return (-self.shape.log()).clamp_min(0) / self.rate

    @property
    def variance(self) -> Tensor:
        return self._moments()[1] / self.rate.square()

    def entropy(self) -> Tensor:
        return 1 - self.shape.log() - self.rate.log() - self._moments()[0]

    def _moments(self) -> tuple[Tensor, Tensor]:
        """Mean and variance of rate x, an average of log(1 + t / shape) over exponential t."""
        t, log_weights = exponential_nodes(self.rate)
        weights = log_weights.exp()
        y = torch.log1p(t / self.shape.unsqueeze(-1))
        mean = (weights * y).sum(-1)
        return mean, (weights * (y - mean.unsqueeze(-1)).square()).sum(-1)


GOMPERTZ = Entry(
    Gompertz,
    How.INVERSE_CDF,
    "log(1 - log(1 - u) / shape) / rate",
    "Gompertz (1825), On the nature of the function expressive of the law of human mortality",
    typical={"shape": [0.5, 2.0], "rate": [1.0, 0.5]},
    extreme={"shape": [1e-4, 1e4, 1.0, 1e4], "rate": [1e-4, 1e4, 1e4, 1e-4]},
    invalid={"shape": [-1.0, 1.0], "rate": [1.0, -1.0]},
)
