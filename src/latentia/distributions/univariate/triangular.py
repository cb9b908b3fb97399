"""The triangular distribution, by its inverse CDF.

Kotz & van Dorp (2004), Beyond Beta, chapter 1.
"""

import math

import torch
from torch import Tensor
from torch.distributions import constraints
from torch.types import _size

from latentia.distributions.entry import Entry, How
from latentia.distributions.parametric import Parametric, open_uniform, within

# An end whose constraint names the others.
END = constraints.dependent(is_discrete=False, event_dim=0)  # pyright: ignore[reportArgumentType]


class Triangular(Parametric):
    """Density that rises in a line from ``low`` to ``peak`` and falls in a line to ``high``.

    Args:
        low: the lower end.
        peak: the mode; it may lie at either end.
        high: the upper end, above ``low``.
    """

    arg_constraints = {"low": END, "peak": END, "high": END}
    has_rsample = True
    low: Tensor
    peak: Tensor
    high: Tensor

    def __init__(
        self, low: Tensor | float, peak: Tensor | float, high: Tensor | float, validate_args: bool | None = None
    ) -> None:
        super().__init__(low=low, peak=peak, high=high, validate_args=validate_args)

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._require("high", self.low < self.high, "low < high")
        self._require("peak", (self.low <= self.peak) & (self.peak <= self.high), "low <= peak <= high")

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> constraints.Constraint:  # pyright: ignore[reportIncompatibleVariableOverride]
        return constraints.interval(self.low, self.high)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats, minus infinity at an end that is not the peak: value (...) -> (...)."""
        if self._validate_args:
            self._validate_sample(value)
        inside = (value >= self.low) & (value <= self.high)
        x = torch.where(inside, value, self.peak)
        height, side = self._heights(x)
        inside = inside & (height > 0)
        height = torch.where(inside, height, 1.0)
        return within(inside, height.log() - side.log() + math.log(2) - (self.high - self.low).log(), value)

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        x = self.icdf(open_uniform(self._draw_shape(sample_shape), self.low))
        # A draw that rounds to an end would have no density there.
        low, high = self.low.detach(), self.high.detach()
        return x + (x.detach().clamp(torch.nextafter(low, high), torch.nextafter(high, low)) - x.detach())

    def cdf(self, value: Tensor) -> Tensor:
        x = value.clamp(self.low, self.high)
        height, side = self._heights(x)
        area = height.square() / (side * (self.high - self.low))
        return torch.where(self._rises(x), area, 1 - area)

    def icdf(self, value: Tensor) -> Tensor:
        width, rise, fall = self.high - self.low, self.peak - self.low, self.high - self.peak
        rises = value * width < rise
        # One root for both sides: that of the side not taken may be of zero, where its slope is infinite.
        away = torch.sqrt(torch.where(rises, value * rise, (1 - value) * fall) * width)
        return torch.where(rises, self.low + away, self.high - away)

    @property
    def mean(self) -> Tensor:
        return (self.low + self.peak + self.high) / 3

    @property
    def mode(self) -> Tensor:
        return self.peak

    @property
    def variance(self) -> Tensor:
        rise, fall = self.peak - self.low, self.high - self.peak
        return (rise.square() + rise * fall + fall.square()) / 18

    def entropy(self) -> Tensor:
        return (self.high - self.low).log() + (0.5 - math.log(2))

    def _rises(self, x: Tensor) -> Tensor:
        """Whether x is on the rising side, which is there even at x = peak if the other is not."""
        return (x <= self.peak) & (self.low < self.peak)

    def _heights(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """How far x is from the end on its side of the peak, and how far the peak is."""
        rises = self._rises(x)
        end = torch.where(rises, self.low, self.high)
        return (x - end).abs(), (self.peak - end).abs()


TRIANGULAR = Entry(
    Triangular,
    How.INVERSE_CDF,
    "low + sqrt(u (high - low)(peak - low)) up to the peak, else high - sqrt((1 - u)(high - low)(high - peak))",
    "Kotz & van Dorp (2004), Beyond Beta: Other Continuous Families of Distributions, ch. 1",
    typical={"low": [-1.0, 0.5], "peak": [0.0, 2.0], "high": [2.0, 3.0]},
    extreme={"low": [-1e4, 0.0, 0.0, 1e4], "peak": [1e4, 0.0, 1e-4, 1.0001e4], "high": [1e4, 1.0, 1e-4, 1.0002e4]},
    invalid={"low": [5.0, 0.5], "peak": [0.0, 4.0], "high": [-2.0, 3.0]},
)
