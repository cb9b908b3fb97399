"""A prior answers "what is z before x is seen?" with a Distribution."""

from abc import ABC, abstractmethod

from torch import Size, Tensor, nn
from torch.distributions import Distribution


class Prior(nn.Module, ABC):
    """p(z | given).

    Attributes:
        z_shape: shape of one z.
    """

    def __init__(self, n_latents: int) -> None:
        super().__init__()
        self.n_latents = n_latents
        self.z_shape = Size((n_latents,))

    @abstractmethod
    def distribution(self, given: Tensor | None = None) -> Distribution:
        """-> batch () or (B,), event z_shape."""

    def start_at(self, x: Tensor) -> None:
        """A hook: look once at training rows (N, *x_shape) before the first step. Does nothing unless overridden."""
