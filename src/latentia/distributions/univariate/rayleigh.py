"""The Rayleigh distribution, by its inverse CDF.

Johnson, Kotz & Balakrishnan (1994), Continuous Univariate Distributions 1, chapter 18.
"""

import math

import torch
from torch import Tensor
from torch.distributions import constraints
from torch.types import _size

from latentia.distributions.entry import Entry, How
from latentia.distributions.parametric import Parametric, open_uniform, within

EULER = 0.5772156649015329


class Rayleigh(Parametric):
    """Density x / scale^2 exp(-x^2 / (2 scale^2)) for x >= 0: the length of two independent normals.

    Args:
        scale: positive; the mode, and the standard deviation of either normal.
    """

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    scale: Tensor

    def __init__(self, scale: Tensor | float, validate_args: bool | None = None) -> None:
        super().__init__(scale=scale, validate_args=validate_args)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats, minus infinity at 0 and below: value (...) -> (...)."""
        if self._validate_args:
            self._validate_sample(value)
        inside = value > 0
        x = torch.where(inside & (value < torch.inf), value, 1.0)
        return within(inside, x.log() - 2 * self.scale.log() - (x / self.scale).square() / 2, value)

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        return self.icdf(open_uniform(self._draw_shape(sample_shape), self.scale))

    def cdf(self, value: Tensor) -> Tensor:
        return -torch.expm1(-(value.clamp_min(0) / self.scale).square() / 2)

    def icdf(self, value: Tensor) -> Tensor:
        return self.scale * torch.sqrt(-2 * torch.log1p(-value))

    @property
    def mean(self) -> Tensor:
        return math.sqrt(math.pi / 2) * self.scale

    @property
    def mode(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        return (2 - math.pi / 2) * self.scale.square()

    def entropy(self) -> Tensor:
        return self.scale.log() + 1 - math.log(2) / 2 + EULER / 2


RAYLEIGH = Entry(
    Rayleigh,
    How.INVERSE_CDF,
    "scale · sqrt(-2 log(1 - u))",
    "Johnson, Kotz & Balakrishnan (1994), Continuous Univariate Distributions 1, ch. 18",
    typical={"scale": [0.5, 2.0]},
    extreme={"scale": [1e-4, 1e4, 1.0]},
    invalid={"scale": [-1.0, 1.0]},
)
