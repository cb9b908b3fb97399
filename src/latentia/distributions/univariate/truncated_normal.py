"""The normal between two ends, by its inverse CDF, also where the ends lie far out in a tail.

Robert (1995), Simulation of truncated normal variables, says where inversion of the plain CDF fails. There a draw solves for
the cumulated hazard of the tail, and its gradient is the implicit one of Figurnov, Mohamed & Mnih (2018), Implicit
reparameterization gradients.
"""

import math
from collections.abc import Callable

import torch
from numpy.polynomial.legendre import leggauss
from torch import Tensor
from torch.distributions import constraints
from torch.types import _size

from latentia.distributions.entry import Entry, How
from latentia.distributions.parametric import Parametric, open_uniform, within
from latentia.distributions.univariate.normal_interval import WINDOW, Interval, anywhere

# An end whose constraint names the other one.
END = constraints.dependent(is_discrete=False, event_dim=0)  # pyright: ignore[reportArgumentType]
# Gauss-Legendre on the part of the interval where the log density is within DEPTH of its highest; 1e-14 for every interval.
NODES, WEIGHTS = (torch.from_numpy(a) / 2 for a in leggauss(48))
DEPTH = 40.0


class TruncatedNormal(Parametric):
    """A normal given that it lies between two ends, either of which may be infinite.

    Draws carry first derivatives; second ones are wrong in intervals beyond eight standard deviations.

    Args:
        loc: mean before truncation.
        scale: positive; standard deviation before truncation.
        low: the lower end, or minus infinity.
        high: the upper end, or infinity; above ``low``.
    """

    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "low": END,
        "high": END,
    }
    has_rsample = True
    loc: Tensor
    scale: Tensor
    low: Tensor
    high: Tensor

    def __init__(
        self,
        loc: Tensor | float,
        scale: Tensor | float,
        low: Tensor | float = -math.inf,
        high: Tensor | float = math.inf,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(loc=loc, scale=scale, low=low, high=high, validate_args=validate_args)

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
        interval = self._interval()
        inside = (value >= self.low) & (value <= self.high)
        d = (torch.where(inside, value, self.mode) - self.mode) / self.scale
        # Relative to the mode: far out, both the square of value - loc and the log mass are large and nearly cancel.
        return within(inside, -d * (d / 2 + interval.mode) - interval.log_mass() - self.scale.log(), value)

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        interval = self._interval()
        u = open_uniform(self._draw_shape(sample_shape), self.loc)
        # For half of the mass or more, erfinv has the digits of u, and takes a tenth of the time.
        wide = self.loc.device.type == "cpu" and bool((interval.near_mass - interval.far_mass >= 0.5).all())
        return self._quantile(interval, u, _ndtri_of_wide if wide else torch.special.ndtri)

    def cdf(self, value: Tensor) -> Tensor:
        interval = self._interval()
        return interval.share(((value - self.mode) / self.scale).clamp(interval.low, interval.high))

    def icdf(self, value: Tensor) -> Tensor:
        """The value below which a share of the mass lies: (..., in [0, 1]) -> (...)."""
        interval = self._interval()
        return self._quantile(interval, torch.where(interval.mirrored, 1 - value, value), torch.special.ndtri)

    def _quantile(self, interval: Interval, share: Tensor, ndtri: Callable[[Tensor], Tensor]) -> Tensor:
        """Where ``share`` of the mass lies beyond, on the side of the end that is further from loc."""
        y = ndtri(torch.lerp(interval.far_mass, interval.near_mass, share))
        x = torch.addcmul(self.loc, interval.sign * self.scale, y)
        if anywhere(interval.deep):
            x = torch.where(interval.deep, torch.addcmul(self.mode, self.scale, interval.deep_quantile(share)), x)
        if anywhere(interval.narrow):
            x = torch.where(interval.narrow, torch.addcmul(self.mode, self.scale, interval.narrow_quantile(share)), x)
        return torch.minimum(torch.maximum(x, self.low), self.high)

    @property
    def mean(self) -> Tensor:
        return self.mode + self.scale * self._moments()[1]

    @property
    def mode(self) -> Tensor:
        return self.loc.clamp(self.low, self.high)

    @property
    def variance(self) -> Tensor:
        return self.scale.square() * self._moments()[2]

    def entropy(self) -> Tensor:
        log_mass, _, _, cost = self._moments()
        return self.scale.log() + log_mass + cost

    def _interval(self) -> Interval:
        # The window keeps every length finite: infinity times a slope of zero is NaN.
        window, mode = WINDOW * self.scale, self.mode
        low, high = torch.maximum(self.low - mode, -window), torch.minimum(self.high - mode, window)
        return Interval((mode - self.loc) / self.scale, low / self.scale, high / self.scale)

    def _moments(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Log mass relative to the mode; mean and variance of the distance from it; mean of the log density's fall."""
        at = self._interval()
        reach = 2 * DEPTH / (at.mode.abs() + torch.sqrt(at.mode.square() + 2 * DEPTH))
        low, high = torch.maximum(at.low, -reach).unsqueeze(-1), torch.minimum(at.high, reach).unsqueeze(-1)
        length, nodes = high - low, NODES.to(self.loc) + 0.5
        d = low + length * nodes
        fall = d * (d / 2 + at.mode.unsqueeze(-1))
        shares = WEIGHTS.to(self.loc) * torch.exp(-fall)
        mass = shares.sum(-1, keepdim=True)
        shares = shares / mass
        mean = (shares * d).sum(-1, keepdim=True)
        variance = (shares * (d - mean).square()).sum(-1)
        return (mass * length).log().squeeze(-1), mean.squeeze(-1), variance, (shares * fall).sum(-1)


def _ndtri_of_wide(mass: Tensor) -> Tensor:
    return torch.erfinv(2 * mass - 1) * math.sqrt(2)


TRUNCATED_NORMAL = Entry(
    TruncatedNormal,
    How.INVERSE_CDF,
    "loc + scale · ndtri(a + u (b - a)), a = ndtr((low - loc) / scale), b = ndtr((high - loc) / scale)",
    "Robert (1995), Simulation of truncated normal variables; Figurnov, Mohamed & Mnih (2018), Implicit reparameterization "
    "gradients",
    typical={"loc": [0.0, 1.0, -1.0], "scale": [1.0, 0.5, 2.0], "low": [-1.0, 0.5, 0.0], "high": [2.0, 3.0, 3.0]},
    extreme={
        "loc": [0.0, -30.0, 0.0, 1e4, 0.0, 0.0],
        "scale": [1e4, 1.0, 1e-4, 1.0, 1.0, 1.0],
        "low": [-1.0, 0.0, 1.0, -math.inf, -math.inf, 30.0],
        "high": [1.0, math.inf, 2.0, 0.0, math.inf, 30.5],
    },
    invalid={
        "loc": [math.nan, 0.0, 0.0],
        "scale": [1.0, -1.0, 1.0],
        "low": [3.0, 0.5, 0.0],
        "high": [2.0, 3.0, -1.0],
    },
)
