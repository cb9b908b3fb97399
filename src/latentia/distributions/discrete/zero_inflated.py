"""Counts with more zeros than their law explains: a gate in front of any count distribution.

Lambert (1992), Zero-inflated Poisson regression, with an application to defects in manufacturing.
"""

from typing import Any, Self

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.nn import functional as F
from torch.types import _size

from latentia.core.errors import ShapeError, SupportError
from latentia.distributions.discrete.negative_binomial import NegativeBinomial
from latentia.distributions.entry import Entry, How
from latentia.distributions.parametric import Parametric


class ZeroInflated(Parametric):
    """Zero with probability sigmoid(gate_logits), else a draw of ``base``.

    Args:
        base: a count distribution with event () to which zero is possible; its batch broadcasts with the gate's.
        gate_logits: any real numbers.

    Raises:
        ShapeError: ``base`` has event axes, or the two batches do not broadcast.
        SupportError: ``base`` is not discrete, or zero lies outside its support.
    """

    arg_constraints = {"gate_logits": constraints.real}
    gate_logits: Tensor

    def __init__(self, base: Distribution, gate_logits: Tensor | float, validate_args: bool | None = None) -> None:
        if base.event_shape:
            raise ShapeError(
                f"ZeroInflated: base has event {tuple(base.event_shape)}, wanted (); inflate each count, then wrap."
            )
        gate = torch.as_tensor(gate_logits, dtype=None if isinstance(gate_logits, Tensor) else torch.get_default_dtype())
        try:
            batch = torch.broadcast_shapes(base.batch_shape, gate.shape)
        except RuntimeError:
            raise ShapeError(
                f"ZeroInflated: base batch {tuple(base.batch_shape)} and gate_logits {tuple(gate.shape)} do not broadcast; "
                "give them one batch shape."
            ) from None
        self.base = base.expand(batch)
        super().__init__(gate_logits=gate.expand(batch), validate_args=validate_args)

    def _check_parameters(self) -> None:
        super()._check_parameters()
        support: constraints.Constraint = self.support
        if not support.is_discrete:
            raise SupportError(f"ZeroInflated: {type(self.base).__name__} is continuous; use a count distribution.")
        self._require("base", support.check(torch.zeros_like(self.gate_logits)), "that zero is possible")

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> constraints.Constraint | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.base.support

    @property
    def has_enumerate_support(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.base.has_enumerate_support

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self.base.enumerate_support(expand)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log mass in nats: value (...) -> (...); -inf at an infinity, NaN for NaN."""
        if self._validate_args:
            self._validate_sample(value)
        # Many a base answers NaN at an infinity, torch's Poisson for one; zero is possible to each.
        is_finite = value.isfinite()
        passed = F.logsigmoid(-self.gate_logits) + self.base.log_prob(torch.where(is_finite, value, 0))
        log_mass = torch.where(value == 0, torch.logaddexp(F.logsigmoid(self.gate_logits), passed), passed)
        return torch.where(value.isnan(), torch.nan, torch.where(is_finite, log_mass, -torch.inf))

    def cdf(self, value: Tensor) -> Tensor:
        """Mass up to a value (...) -> (...), where ``base`` has a ``cdf``."""
        passed = torch.sigmoid(-self.gate_logits) * self.base.cdf(value)
        return torch.where(value < 0, 0.0, torch.sigmoid(self.gate_logits) + passed)

    def sample(self, sample_shape: _size = ()) -> Tensor:
        with torch.no_grad():
            gate = torch.sigmoid(self.gate_logits)
            is_zero = torch.rand(self._draw_shape(sample_shape), dtype=gate.dtype, device=gate.device) < gate
            return self.base.sample(sample_shape).masked_fill(is_zero, 0)

    @property
    def mean(self) -> Tensor:
        return torch.sigmoid(-self.gate_logits) * self.base.mean

    @property
    def variance(self) -> Tensor:
        between = torch.sigmoid(self.gate_logits) * self.base.mean.square()
        return torch.sigmoid(-self.gate_logits) * (self.base.variance + between)

    @property
    def mode(self) -> Tensor:
        mode = self.base.mode
        zero = torch.zeros_like(mode)
        return torch.where(self.log_prob(zero) >= self.log_prob(mode), zero, mode)

    def expand(self, batch_shape: _size, _instance: Any = None) -> Self:
        new = super().expand(batch_shape, _instance)
        new.base = self.base.expand(batch_shape)
        return new


def _zero_inflated_negative_binomial(
    mu: Tensor, dispersion: Tensor, gate_logits: Tensor, validate_args: bool | None = None
) -> ZeroInflated:
    return ZeroInflated(NegativeBinomial(mu, dispersion, validate_args), gate_logits, validate_args)


ZERO_INFLATED = Entry(
    _zero_inflated_negative_binomial,
    How.NONE,
    "g · [k = 0] + (1 - g) · base(k), g = sigmoid(gate_logits)",
    "Lambert (1992), Zero-inflated Poisson regression",
    typical={"mu": [3.0, 0.8], "dispersion": [0.3, 1.0], "gate_logits": [-1.0, 0.5]},
    extreme={"mu": [1e-6, 1e6, 1e6], "dispersion": [1e4, 1e-8, 0.0], "gate_logits": [-1e4, 1e4, 0.0]},
    invalid={"mu": [-1.0, 1.0], "dispersion": [0.5, -0.1]},
)
