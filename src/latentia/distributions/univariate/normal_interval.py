"""The mass of the standard normal over an interval and shares of it, also far out in a tail and where the interval is tiny.

Far out the hazard x + c(x) replaces the cumulated mass, with c the continued fraction of Laplace (1805), Traité de mécanique
céleste, volume 4; a tiny interval has a polynomial for its cumulated mass, and another for the inverse.
"""

import math

import torch
from torch import Tensor

LOG_ROOT_2_PI = math.log(2 * math.pi) / 2
# Standard deviations from the mode at which an end has no effect, not even in float64.
WINDOW = 40.0
# Standard deviations from which a tail is inverted by its hazard.
DEEP = 8.0
# Levels of the continued fraction and steps of Newton's method, each enough for float64 from DEEP on.
LEVELS = 10
STEPS = 2


def anywhere(mask: Tensor) -> bool:
    """Whether a rare case must be computed: on the CPU, asking is cheap; elsewhere asking would wait for the device."""
    return mask.device.type != "cpu" or bool(mask.any())


class Interval:
    """An interval in standard deviations from the normal's mean, and which of three ways computes its mass.

    Lengths are measured from the interval's own mode, its point nearest to the mean. Of the two ends the *near* one is that
    with the smaller distance to the mean: there the mass is, if the interval is far out.

    Args:
        mode: from the mean to the mode of the interval.
        low: from the mode to the lower end, in [-WINDOW, 0].
        high: from the mode to the upper end, in [0, WINDOW].
    """

    def __init__(self, mode: Tensor, low: Tensor, high: Tensor) -> None:
        self.mode, self.low, self.high = mode, low, high
        lower, upper, length = mode + low, mode + high, high - low
        # Mirrored where needed so that the longer tail is on the left, where a small mass keeps all its digits.
        self.mirrored = lower + upper > 0
        self.sign = 1 - 2 * self.mirrored.to(mode.dtype)
        # Not a minimum of the two, which would share out the gradient of an interval that is its own mirror image.
        far, near = torch.where(self.mirrored, -upper, lower), torch.where(self.mirrored, -lower, upper)
        # Below this length a difference of cumulated masses has lost a quarter of its digits; the polynomials, none.
        self.narrow = length * (1 + near.abs()) < torch.finfo(mode.dtype).eps ** (1 / 4)
        self.deep = (near < -DEEP) & ~self.narrow
        rare = self.narrow | self.deep
        if anywhere(rare):
            # Each way gets harmless arguments where another is taken, so that no infinite slope meets a zero.
            self._start = torch.where(self.deep, -near, 2 * DEEP)
            self._deep_length = torch.where(self.deep, length, 1.0)
            self._narrow_length = torch.where(self.narrow, length, 1.0)
            self._slope = torch.where(self.narrow, -near, 0.0) * self._narrow_length
            far, near = torch.where(rare, -1.0, far), torch.where(rare, 1.0, near)
            mode = torch.where(rare, 0.0, mode)
        self._plain_mode, self.far_mass, self.near_mass = mode, _below(far), _below(near)

    def log_mass(self) -> Tensor:
        """Log integral of exp((mode^2 - y^2) / 2) over the interval."""
        log_mass = (self.near_mass - self.far_mass).log() + (self._plain_mode.square() / 2 + LOG_ROOT_2_PI)
        if anywhere(self.deep):
            hazard = self._start + _excess(self._start)
            log_mass = torch.where(self.deep, self._deep_mass().log() - hazard.log(), log_mass)
        if anywhere(self.narrow):
            above = torch.where(self.mirrored, -self.low, self.high)  # how far the near end lies beyond the mode
            narrow = self._narrow_length.log() + self._narrow_whole().log() - torch.where(self.narrow, above, 0).square() / 2
            log_mass = torch.where(self.narrow, narrow, log_mass)
        return log_mass

    def share(self, d: Tensor) -> Tensor:
        """The share of the mass below a point at d from the mode."""
        below, above = self._ordered(self.far_mass, self.near_mass)
        share = (_below(self.sign * (self.mode + d)) - below) / (above - below)
        away = torch.where(self.mirrored, d - self.low, self.high - d)
        if anywhere(self.deep):
            below, above = self._ordered(-self._deep_mass(), torch.zeros_like(self.mode))
            deep = torch.expm1(-_cumulated_hazard(self._start, away)[0])
            share = torch.where(self.deep, (deep - below) / (above - below), share)
        if anywhere(self.narrow):
            t, slope, bend = away / self._narrow_length, self._slope, self._narrow_length.square()
            narrow = t * (1 - t * (slope / 2 - t * (slope.square() - bend) / 6)) / self._narrow_whole()
            share = torch.where(self.narrow, torch.where(self.mirrored, narrow, 1 - narrow), share)
        return share

    def deep_quantile(self, share: Tensor) -> Tensor:
        """How far from the mode ``share`` of the mass lies beyond on the far side, for an interval far out."""
        beyond = torch.exp(-_cumulated_hazard(self._start, self._deep_length)[0])
        survival = torch.lerp(beyond, torch.ones_like(beyond), share)
        end = survival <= 0
        t = _tail_quantile(self._start, -torch.where(end, 1.0, survival).log())
        return -self.sign * torch.where(end, torch.inf, t)

    def narrow_quantile(self, share: Tensor) -> Tensor:
        """The same for a tiny interval."""
        slope, bend = self._slope, self._narrow_length.square()
        y = (1 - share) * self._narrow_whole()
        t = y * (1 + y * (slope / 2 + y * (slope.square() / 3 + bend / 6)))
        return torch.where(self.mirrored, self.low, self.high) - self.sign * self._narrow_length * t

    def _ordered(self, far: Tensor, near: Tensor) -> tuple[Tensor, Tensor]:
        """What belongs to the lower end and to the upper end, from what belongs to the far and to the near one."""
        return torch.where(self.mirrored, near, far), torch.where(self.mirrored, far, near)

    def _deep_mass(self) -> Tensor:
        """The interval's share of the whole tail that starts at its near end."""
        return -torch.expm1(-_cumulated_hazard(self._start, self._deep_length)[0])

    def _narrow_whole(self) -> Tensor:
        """The mass over the length, relative to the density at the near end."""
        return 1 - self._slope / 2 + (self._slope.square() - self._narrow_length.square()) / 6


def _below(x: Tensor) -> Tensor:
    """The standard normal's cumulated mass; torch's own ndtr is 1 + erf, which has no digits left in a tail."""
    return torch.special.erfc(x * -math.sqrt(0.5)) / 2


def _excess(x: Tensor) -> Tensor:
    """c(x) in the hazard x + c(x) of the standard normal, for x >= DEEP."""
    c = torch.zeros_like(x)
    for level in range(LEVELS, 0, -1):
        c = level / (x + c)
    return c


def _cumulated_hazard(start: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Minus the log of the tail's share beyond ``start`` + t, and the hazard there."""
    c, c_start = _excess(start + t), _excess(start)
    cumulated = t * (start + t / 2) + torch.log1p((t + (c - c_start)) / (start + c_start))
    return cumulated, start + t + c


def _tail_quantile(start: Tensor, cumulated: Tensor) -> Tensor:
    """t at which the tail beyond ``start`` has the cumulated hazard that is asked for; carries the implicit gradient."""
    with torch.no_grad():
        c = _excess(start)
        hazard = start + c
        # The hazard's slope, hazard times c, grows with t: this start is beyond the root, and Newton's steps stay there.
        t = 2 * cumulated / (hazard + torch.sqrt(hazard.square() + 2 * hazard * c * cumulated))
        for _ in range(STEPS - 1):
            reached, hazard = _cumulated_hazard(start, t)
            t = t - (reached - cumulated) / hazard
    # The last step is differentiable in everything but its own starting point, which at the root is the implicit rule.
    reached, hazard = _cumulated_hazard(start, t)
    return (t - (reached - cumulated) / hazard.detach()).clamp_min(0)
