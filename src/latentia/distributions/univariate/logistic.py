"""The logistic distribution, by its inverse CDF.

Johnson, Kotz & Balakrishnan (1995), Continuous Univariate Distributions 2, chapter 23.
"""

import math

import torch
from torch import Tensor
from torch.distributions import constraints
from torch.nn import functional as F
from torch.types import _size

from latentia.distributions.entry import Entry, How
from latentia.distributions.parametric import Parametric, open_uniform


class Logistic(Parametric):
    """Density sigmoid'((x - loc) / scale) / scale on the real line.

    Args:
        loc: mean, median and mode.
        scale: positive; the standard deviation is pi / sqrt(3) times it.
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True
    loc: Tensor
    scale: Tensor

    def __init__(self, loc: Tensor | float, scale: Tensor | float, validate_args: bool | None = None) -> None:
        super().__init__(loc=loc, scale=scale, validate_args=validate_args)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats: value (...) -> (...)."""
        if self._validate_args:
            self._validate_sample(value)
        y = (value - self.loc) / self.scale
        return F.logsigmoid(y) + F.logsigmoid(-y) - self.scale.log()

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        return self.icdf(open_uniform(self._draw_shape(sample_shape), self.loc))

    def cdf(self, value: Tensor) -> Tensor:
        return torch.sigmoid((value - self.loc) / self.scale)

    def icdf(self, value: Tensor) -> Tensor:
        return self.loc + self.scale * torch.logit(value)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return (math.pi * self.scale).square() / 3

    def entropy(self) -> Tensor:
        return self.scale.log() + 2


LOGISTIC = Entry(
    Logistic,
    How.INVERSE_CDF,
    "loc + scale · log(u / (1 - u))",
    "Johnson, Kotz & Balakrishnan (1995), Continuous Univariate Distributions 2, ch. 23",
    typical={"loc": [-1.0, 0.5], "scale": [0.4, 2.0]},
    extreme={"loc": [-1e4, 0.0, 1e4], "scale": [1e-4, 1e4, 1.0]},
    invalid={"scale": [-1.0, 1.0]},
)
