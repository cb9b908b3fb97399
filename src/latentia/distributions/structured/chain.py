"""A Markov chain over time as one distribution: z_0 from an initial law, z_t from a transition given z_{t-1}.

Krishnan, Shalit & Sontag (2017), Structured Inference Networks for Nonlinear State Space Models.
"""

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, Normal, constraints
from torch.types import _size

from latentia.core.errors import ShapeError
from latentia.core.random import seeded
from latentia.distributions.entry import Entry, How
from latentia.distributions.parametric import Parametric
from latentia.distributions.structured.parts import Conditioned, draw, fitted, is_fixed, support_of


class Chain(Parametric):
    """log p(z_0, ..., z_{T-1}) = log initial(z_0) + sum over t of log transition(z_{t-1}, t)(z_t).

    The transition is asked in two ways, and one body answers both where it works by broadcasting. In drawing, one step at a
    time: ``previous`` (*sample, *batch, *e) and ``t`` a tensor (). In ``log_prob``, all steps at once: ``previous``
    (T-1, *sample, *batch, *e) and ``t`` of shape (T-1, 1, ..., 1), a 1 for each sample axis, holding 1, ..., T-1. So
    ``x[t]`` of an x laid out (T, *batch, ...) is (*batch, ...) or (T-1, 1, ..., 1, *batch, ...), in line with ``previous``.
    Axes that ``expand`` adds are sample axes to the transition.

    Args:
        initial: law of z_0, batch (*batch), event (*e).
        transition: (previous, t) -> law of z_t with the leading axes of ``previous`` as batch, or axes that expand to them,
            and event (*e).
        length: T, the number of steps, at least 1.

    Its event is (T, *e). Every step is taken to lie in the support of ``initial``, unless that one depends on parameters:
    then each law is asked. It states no mean: ``sample`` and average.

    Raises:
        ShapeError: fewer than one step; a transition whose law has another shape.
        NoReparameterization: ``rsample`` of laws whose draws carry no gradient.

    A random walk with a drift of its own for each step and row:

    >>> drift = torch.tensor([[0.0, 0.0], [1.0, -1.0], [2.0, -2.0]])  # (T, batch)
    >>> walk = Chain(Normal(torch.zeros(2), 1.0), lambda z, t: Normal(z + drift[t], 1.0), length=3)
    >>> walk.batch_shape, walk.event_shape
    (torch.Size([2]), torch.Size([3]))
    >>> z = walk.rsample((5,))
    >>> z.shape, walk.log_prob(z).shape
    (torch.Size([5, 2, 3]), torch.Size([5, 2]))
    """

    def __init__(
        self,
        initial: Distribution,
        transition: Callable[[Tensor, Tensor], Distribution],
        length: int,
        validate_args: bool | None = None,
    ) -> None:
        if length < 1:
            raise ShapeError(f"Chain: length is {length}, wanted at least 1.")
        self.initial, self.transition, self.length = initial, transition, length
        self._batch_dims_of_transition = len(initial.batch_shape)
        self._has_rsample: bool | None = None
        self._set({}, initial.batch_shape, Size((length, *initial.event_shape)), validate_args)

    @property
    def has_rsample(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]  known once the parts are
        """Whether all parts have it; the transition is asked once, at a draw that leaves the random state as it was."""
        if self._has_rsample is None:
            self._has_rsample = self.initial.has_rsample
            if self._has_rsample and self.length > 1:
                with torch.no_grad(), seeded(0):
                    z = self.initial.sample()
                    self._has_rsample = self.transition(z, torch.ones((), dtype=torch.long, device=z.device)).has_rsample
        return self._has_rsample

    @property
    def support(self) -> constraints.Constraint:  # pyright: ignore[reportIncompatibleVariableOverride]
        base = support_of(self.initial)
        event_dim = len(self.event_shape)
        if is_fixed(base):
            return constraints.independent(base, event_dim - base.event_dim)
        return Conditioned(self._each_step_is_supported, event_dim, base.is_discrete)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats: value (..., T, *e) -> (...)."""
        if self._validate_args:
            self._validate_sample(value)
        steps = self._steps(value)
        total = self.initial.log_prob(steps[0])
        return total if self.length == 1 else total + self._later(steps).log_prob(steps[1:]).sum(0)

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        return self._draw(sample_shape, with_gradient=True)

    def sample(self, sample_shape: _size = ()) -> Tensor:
        with torch.no_grad():
            return self._draw(sample_shape, with_gradient=False)

    def expand(self, batch_shape: _size, _instance: Any = None) -> Self:
        new = super().expand(batch_shape, _instance)
        new.initial = self.initial.expand(batch_shape)
        return new

    def _draw(self, sample_shape: _size, with_gradient: bool) -> Tensor:
        z = [draw(self.initial, sample_shape, with_gradient, "Chain: initial")]
        lead, event = Size(sample_shape) + self.batch_shape, self.initial.event_shape
        for t in torch.arange(1, self.length, device=z[0].device):
            law = fitted(self.transition(z[-1], t), lead, event, "Chain: transition")
            z.append(draw(law, (), with_gradient, "Chain: transition"))
        return torch.stack(z, -1 - len(event))

    def _steps(self, value: Tensor) -> Tensor:
        """value (..., T, *e) -> (T, *sample, *batch, *e)."""
        event_dim = len(self.event_shape)
        lead = torch.broadcast_shapes(value.shape[: value.ndim - event_dim], self.batch_shape)
        return value.expand(lead + self.event_shape).movedim(-event_dim, 0)

    def _later(self, steps: Tensor) -> Distribution:
        """The laws of steps 1 to T-1 given those before: steps (T, *sample, *batch, *e) -> batch (T-1, *sample, *batch)."""
        event = self.initial.event_shape
        lead = Size((self.length - 1, *steps.shape[1 : steps.ndim - len(event)]))
        t = torch.arange(1, self.length, device=steps.device)
        t = t.reshape(-1, *(1,) * (len(lead) - 1 - self._batch_dims_of_transition))
        return fitted(self.transition(steps[:-1], t), lead, event, "Chain: transition")

    def _each_step_is_supported(self, value: Tensor) -> Tensor:
        steps = self._steps(value)
        good = support_of(self.initial).check(steps[0])
        return good if self.length == 1 else good & support_of(self._later(steps)).check(steps[1:]).all(0)


def _two_steps(loc: Tensor, scale: Tensor, weight: Tensor, noise: Tensor, validate_args: bool | None = None) -> Chain:
    initial = Normal(loc, scale, validate_args)
    return Chain(initial, lambda z, _: Normal(torch.tanh(weight * z), noise, validate_args), 2, validate_args)


CHAIN = Entry(
    _two_steps,
    How.COMPOSITION,
    "z_0 from initial, z_t from transition(z_{t-1}, t); here z_1 = tanh(weight · z_0) + noise · e",
    "Krishnan, Shalit & Sontag (2017), Structured Inference Networks for Nonlinear State Space Models",
    typical={"loc": [0.3, -0.5], "scale": [0.8, 1.2], "weight": [1.5, -0.7], "noise": [0.6, 1.0]},
    extreme={"loc": [-1e4, 0.0, 1e4], "scale": [1e-4, 1e4, 1.0], "weight": [1e4, -1.0, 1e-4], "noise": [1e-4, 1e4, 1.0]},
)
