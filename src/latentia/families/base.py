"""A family reads a network's raw output as a distribution: p(x | z) behind a decoder, q(z | x) behind an encoder."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn import functional as F

SMALLEST_SCALE = 1e-4
# softplus(x + SOFTPLUS_ONE) is 1 at x = 0, so that an untrained network proposes a unit scale.
SOFTPLUS_ONE = 0.5413248546129181


class Family(nn.Module, ABC):
    """What a raw output means.

    Axes of ``raw`` are (..., raw_per_value, *event): any real numbers. Constructor arguments are kept as attributes of
    the same name, which is how a recipe is written from an object.
    """

    discrete: bool = False
    """True where log_prob is a log mass, so that bits a dimension mean something."""
    slow_density: bool = False
    """True where the density of a value that was not just drawn takes a pass for each latent."""
    whole: bool = False
    """True where the values of an event hang together given raw, so that it is a vector and no part of it has a density."""
    differentiable_once: bool = False
    """True where a draw's gradient is of the first order only, so that nothing can be learned through steps along it."""

    @property
    @abstractmethod
    def raw_per_value(self) -> int:
        """How many raw numbers the network gives for each value of the event."""

    @abstractmethod
    def distribution(self, raw: Tensor, event_dim: int = 1) -> Distribution:
        """raw (..., raw_per_value, *event) -> batch (...), event_shape event (of ``event_dim`` axes)."""

    def mean_and_sd(self, raw: Tensor, event_dim: int = 1) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each value, without what a density alone needs: both (..., *event).

        Raises:
            NotImplementedError: the distribution does not state them.
        """
        q = self.distribution(raw, event_dim)
        return q.mean, q.variance.sqrt()

    def raw_at(self, mean: Tensor, std: Tensor) -> Tensor:
        """Raw output whose distribution has about this mean and spread; where a decoder's output bias starts.

        Args:
            mean: (*event) mean of the data.
            std: (*event) standard deviation of the data.

        Returns:
            (raw_per_value, *event); zeros unless the family knows better.
        """
        return torch.zeros(self.raw_per_value, *mean.shape, dtype=mean.dtype, device=mean.device)

    def start_at(self, x: Tensor) -> None:
        """A hook: look once at training rows (N, *event) before the first step. Does nothing unless overridden."""


def split_raw(raw: Tensor, event_dim: int) -> tuple[Tensor, ...]:
    """(..., R, *event) -> R tensors (..., *event)."""
    axis = -1 - event_dim
    # The gradient of a view is a view; that of an unbinding is a copy.
    return (raw.squeeze(axis),) if raw.shape[axis] == 1 else raw.unbind(axis)


def positive(raw: Tensor) -> Tensor:
    """A scale from any real number: 1 at 0, never below SMALLEST_SCALE, linear for large raw values."""
    return F.softplus(raw + SOFTPLUS_ONE) + SMALLEST_SCALE


def raw_of_positive(scale: Tensor) -> Tensor:
    """The raw number at which ``positive`` gives ``scale``, within what a scale may be."""
    softened = (scale - SMALLEST_SCALE).clamp_min(1e-3)
    return softened + torch.log(-torch.expm1(-softened)) - SOFTPLUS_ONE
