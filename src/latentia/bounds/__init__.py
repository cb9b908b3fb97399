"""Bounds by name: functions of log-weights (K, B) -> (B,), and of nothing else."""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from latentia.bounds.elbo import Elbo
from latentia.bounds.iwae import Iwae
from latentia.bounds.renyi import Renyi


class Bound(Protocol):
    """A lower bound on log p(x) from K log-weights."""

    def __call__(self, w: Tensor) -> Tensor:
        """(K, B) -> (B,), nats."""
        ...


BOUNDS: dict[str, Callable[..., Bound]] = {"elbo": Elbo, "iwae": Iwae, "renyi": Renyi}

__all__ = ["BOUNDS", "Bound", "Elbo", "Iwae", "Renyi"]
