"""Levels of latents, each given all levels above it, in one event vector.

Soenderby, Raiko, Maaloee, Soenderby & Winther (2016), Ladder Variational Autoencoders.
"""

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, Normal, constraints
from torch.types import _size

from latentia.core.random import seeded
from latentia.distributions.entry import Entry, How
from latentia.distributions.parametric import Parametric
from latentia.distributions.structured.parts import Conditioned, draw, fitted, innermost, is_fixed, support_of


class Hierarchy(Parametric):
    """log p(z) = log first(z_1) + sum over k of log conditionals[k-2](z_1, ..., z_{k-1})(z_k).

    Every level is flattened and the levels are laid end to end: event (n,), n the number of values in all. ``split`` takes
    them apart, ``levels`` returns their laws, so that a rate can be read off level by level.

    Args:
        first: law of z_1, batch (*batch), any event.
        conditionals: (z_1, ..., z_{k-1}), each (*sample, *batch, *its event) -> law of z_k with those leading axes as batch,
            or axes that expand to them. Its event is learned once, from a draw that leaves the random state as it was.

    Raises:
        ShapeError: a conditional's batch is not its arguments'.
        NoReparameterization: ``rsample`` of laws whose draws carry no gradient.

    >>> scale = torch.ones(3)
    >>> both = Hierarchy(Normal(torch.zeros(3), scale), lambda z: Normal(torch.tanh(z), scale))
    >>> z = both.rsample((5,))
    >>> z.shape, [level.shape for level in both.split(z)]
    (torch.Size([5, 3, 2]), [torch.Size([5, 3]), torch.Size([5, 3])])
    >>> each = [law.log_prob(level) for law, level in zip(both.levels(z), both.split(z), strict=True)]
    >>> torch.allclose(sum(each), both.log_prob(z))
    True
    """

    def __init__(
        self, first: Distribution, *conditionals: Callable[..., Distribution], validate_args: bool | None = None
    ) -> None:
        self.first, self.conditionals = first, conditionals
        with torch.no_grad(), seeded(0):
            z, laws = [first.sample()], [first]
            for k, conditional in enumerate(conditionals):
                law = conditional(*z)
                laws.append(fitted(law, first.batch_shape, law.event_shape, _name(k)))
                z.append(laws[-1].sample())
        self._events = [law.event_shape for law in laws]
        self._sizes = [event.numel() for event in self._events]
        self._dtypes = [level.dtype for level in z]
        self._supports = [support_of(law) for law in laws]
        self.has_rsample = all(law.has_rsample for law in laws)
        self._set({}, first.batch_shape, Size((sum(self._sizes),)), validate_args)

    @property
    def support(self) -> constraints.Constraint:  # pyright: ignore[reportIncompatibleVariableOverride]
        inner = [innermost(support) for support in self._supports]
        if all(each is constraints.real for each in inner):
            return constraints.real_vector
        if all(is_fixed(each) and each.event_dim == 0 for each in inner):
            return constraints.independent(constraints.cat(inner, -1, self._sizes), 1)
        return Conditioned(self._each_level_is_supported, 1, any(each.is_discrete for each in inner))

    def split(self, z: Tensor) -> tuple[Tensor, ...]:
        """The levels with their own event shapes: z (..., n) -> (..., *event of z_1), (..., *event of z_2), ..."""
        parts = z.split(self._sizes, -1)
        levels = [part.reshape(z.shape[:-1] + event) for part, event in zip(parts, self._events, strict=True)]
        # Whole numbers beside reals became reals on the way in.
        return tuple(
            level if dtype.is_floating_point else level.to(dtype) for level, dtype in zip(levels, self._dtypes, strict=True)
        )

    def levels(self, z: Tensor) -> tuple[Distribution, ...]:
        """The law of each level given the levels above it in z (..., n), with batch (...)."""
        lead = torch.broadcast_shapes(z.shape[:-1], self.batch_shape)
        above = self.split(z.expand(lead + self.event_shape))
        laws = [fitted(self.first, lead, self._events[0], "Hierarchy: first")]
        for k, conditional in enumerate(self.conditionals):
            laws.append(fitted(conditional(*above[: k + 1]), lead, self._events[k + 1], _name(k)))
        return tuple(laws)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats: value (..., n) -> (...)."""
        if self._validate_args:
            self._validate_sample(value)
        first, *others = [law.log_prob(z) for law, z in zip(self.levels(value), self.split(value), strict=True)]
        return sum(others, first)

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        return self._draw(sample_shape, with_gradient=True)

    def sample(self, sample_shape: _size = ()) -> Tensor:
        with torch.no_grad():
            return self._draw(sample_shape, with_gradient=False)

    def expand(self, batch_shape: _size, _instance: Any = None) -> Self:
        new = super().expand(batch_shape, _instance)
        new.first = self.first.expand(batch_shape)
        return new

    def _draw(self, sample_shape: _size, with_gradient: bool) -> Tensor:
        z = [draw(self.first, sample_shape, with_gradient, "Hierarchy: first")]
        lead = Size(sample_shape) + self.batch_shape
        for k, conditional in enumerate(self.conditionals):
            law = fitted(conditional(*z), lead, self._events[k + 1], _name(k))
            z.append(draw(law, (), with_gradient, _name(k)))
        return torch.cat([level.reshape((*lead, size)) for level, size in zip(z, self._sizes, strict=True)], -1)

    def _each_level_is_supported(self, value: Tensor) -> Tensor:
        laws, levels = self.levels(value), self.split(value)
        return torch.stack([support_of(law).check(z) for law, z in zip(laws, levels, strict=True)]).all(0)


def _name(k: int) -> str:
    return f"Hierarchy: conditional {k}, the law of level {k + 2},"


def _two_levels(loc: Tensor, scale: Tensor, weight: Tensor, noise: Tensor, validate_args: bool | None = None) -> Hierarchy:
    def second(z: Tensor) -> Distribution:
        return Normal(torch.tanh(weight * z), noise * (1 + torch.sigmoid(z)), validate_args)

    return Hierarchy(Normal(loc, scale, validate_args), second, validate_args=validate_args)


HIERARCHY = Entry(
    _two_levels,
    How.COMPOSITION,
    "z_k from conditionals_k(z_1, ..., z_{k-1}); here z_2 = tanh(weight · z_1) + noise · (1 + sigmoid(z_1)) · e",
    "Soenderby et al. (2016), Ladder Variational Autoencoders",
    typical={"loc": [0.3, -0.5], "scale": [0.8, 1.2], "weight": [1.5, -0.7], "noise": [0.5, 0.7]},
    extreme={"loc": [-1e4, 0.0, 1e4], "scale": [1e-4, 1e4, 1.0], "weight": [1e4, -1.0, 1e-4], "noise": [1e-4, 1e4, 1.0]},
)
