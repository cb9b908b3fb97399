"""A bit given by the log of the chance that it is off, as causes that act one by one give it (Heckerman 1989)."""

import math

import torch
from torch import Tensor
from torch.distributions import constraints
from torch.types import _size

from latentia.distributions.entry import Entry, How
from latentia.distributions.parametric import Parametric


class LogOffBernoulli(Parametric):
    """P(x = 0) = exp(log_off), exact for chances beside 0 and beside 1, and for both ends.

    Args:
        log_off: nats, at most 0; 0 for a bit that is always off, minus infinity for one that is always on.
    """

    arg_constraints = {"log_off": constraints.interval(-math.inf, 0.0)}
    support = constraints.boolean
    has_enumerate_support = True
    log_off: Tensor

    def __init__(self, log_off: Tensor | float, validate_args: bool | None = None) -> None:
        super().__init__(log_off=log_off, validate_args=validate_args)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log mass in nats: value (...), bits -> (...); -inf for any other number, NaN for NaN."""
        if self._validate_args:
            self._validate_sample(value)
        on, off = value == 1, value == 0
        # Where the bit is off, a slope of the other branch would be an infinity times zero.
        log_on = log_one_minus_exp(torch.where(on, self.log_off, -1.0))
        log_mass = torch.where(on, log_on, torch.where(off, self.log_off, -torch.inf))
        return torch.where(value.isnan(), torch.nan, log_mass)

    def sample(self, sample_shape: _size = ()) -> Tensor:
        with torch.no_grad():
            u = torch.rand(self._draw_shape(sample_shape), dtype=self.log_off.dtype, device=self.log_off.device)
            return (u < self.mean).to(u.dtype)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """0 and 1: (2, *batch), or (2, 1, ...) where ``expand`` is False."""
        bits = torch.arange(2, dtype=self.log_off.dtype, device=self.log_off.device)
        bits = bits.reshape((-1,) + (1,) * len(self.batch_shape))
        return bits.expand(-1, *self.batch_shape) if expand else bits

    @property
    def mean(self) -> Tensor:
        return -torch.expm1(self.log_off)

    @property
    def variance(self) -> Tensor:
        return self.mean * self.log_off.exp()

    @property
    def mode(self) -> Tensor:
        return (self.mean > 0.5).to(self.log_off.dtype)

    def entropy(self) -> Tensor:
        log_mass = self.log_prob(self.enumerate_support(expand=False))
        return -torch.where(log_mass > -torch.inf, log_mass.exp() * log_mass, 0.0).sum(0)


def log_one_minus_exp(a: Tensor) -> Tensor:
    """log(1 - e^a) for a <= 0, to all digits on either side (Maechler 2012, Accurately computing log(1 - exp(-|a|)))."""
    near = a > -math.log(2)
    return torch.where(
        near, torch.log(-torch.expm1(torch.where(near, a, -1.0))), torch.log1p(-torch.exp(torch.where(near, -1.0, a)))
    )


LOG_OFF_BERNOULLI = Entry(
    LogOffBernoulli,
    How.NONE,
    "exp(log_off) at 0, 1 - exp(log_off) at 1",
    "Heckerman (1989), A tractable inference algorithm for diagnosing multiple diseases",
    typical={"log_off": [-0.3, -2.0]},
    extreme={"log_off": [-1e-6, -80.0, -1.0]},
    invalid={"log_off": [0.5, -1.0]},
)
