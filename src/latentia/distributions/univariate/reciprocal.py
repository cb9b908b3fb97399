"""The reciprocal, or log-uniform, distribution, by its inverse CDF.

Hamming (1970), On the distribution of numbers.
"""

import torch
from torch import Tensor
from torch.distributions import constraints
from torch.types import _size

from latentia.distributions.entry import Entry, How
from latentia.distributions.parametric import Parametric, open_uniform, within

# An end whose constraint names the other one.
END = constraints.dependent(is_discrete=False, event_dim=0)  # pyright: ignore[reportArgumentType]
# Logarithms of high / low, halved, below which the variance is a series.
SMALL = 0.5


class Reciprocal(Parametric):
    """Density 1 / (x log(high / low)) between two positive ends: the logarithm is uniform.

    Args:
        low: positive.
        high: above ``low``.
    """

    arg_constraints = {"low": constraints.positive, "high": END}
    has_rsample = True
    low: Tensor
    high: Tensor

    def __init__(self, low: Tensor | float, high: Tensor | float, validate_args: bool | None = None) -> None:
        super().__init__(low=low, high=high, validate_args=validate_args)

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._require("high", self.low < self.high, "low < high")

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> constraints.Constraint:  # pyright: ignore[reportIncompatibleVariableOverride]
        return constraints.interval(self.low, self.high)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats: value (...) -> (...)."""
        if self._validate_args:
            self._validate_sample(value)
        inside = (value >= self.low) & (value <= self.high)
        x = torch.where(inside, value, self.low)
        return within(inside, -x.log() - self.log_range.log(), value)

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        return self.icdf(open_uniform(self._draw_shape(sample_shape), self.low))

    def cdf(self, value: Tensor) -> Tensor:
        return _log_ratio(self.low, value.clamp(self.low, self.high)) / self.log_range

    def icdf(self, value: Tensor) -> Tensor:
        # Rounded back to the ends, towards which the derivative by the other end goes to zero.
        return (self.low * torch.exp(value * self.log_range)).clamp(self.low, self.high)

    @property
    def mean(self) -> Tensor:
        return (self.high - self.low) / self.log_range

    @property
    def mode(self) -> Tensor:
        return self.low

    @property
    def variance(self) -> Tensor:
        # (high - low)^2 (s / tanh s - 1) / (4 s^2) with s half the range of logarithms: numbers that are near for a small s.
        s = self.log_range / 2
        is_small = s < SMALL
        far, square = torch.where(is_small, 1.0, s), torch.where(is_small, s, 0.0).square()
        closed = (far / torch.tanh(far) - 1) / (4 * far.square())
        series = 1 / 3 + square * (-1 / 45 + square * (2 / 945 + square * (-1 / 4725 + square * (2 / 93555))))
        series = series + square**5 * (-1382 / 638512875 + square * (4 / 18243225 - square * (3617 / 162820783125)))
        return (self.high - self.low).square() * torch.where(is_small, series / 4, closed)

    def entropy(self) -> Tensor:
        return (self.low.log() + self.high.log()) / 2 + self.log_range.log()

    @property
    def log_range(self) -> Tensor:
        return _log_ratio(self.low, self.high)


def _log_ratio(low: Tensor, high: Tensor) -> Tensor:
    """log(high / low) for 0 < low <= high: precise where they are near, and no ratio of theirs overflows."""
    return 2 * torch.asinh((high - low) / (2 * low.sqrt() * high.sqrt()))


RECIPROCAL = Entry(
    Reciprocal,
    How.INVERSE_CDF,
    "low · (high / low)^u",
    "Hamming (1970), On the distribution of numbers",
    typical={"low": [0.5, 1.0], "high": [2.0, 5.0]},
    extreme={"low": [1e-4, 1e-4, 1e3], "high": [1e4, 1.001e-4, 1.001e3]},
    invalid={"low": [-1.0, 1.0], "high": [0.1, 5.0]},
)
