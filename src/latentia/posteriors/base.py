"""A posterior answers "what is z, given x?" with a Distribution."""

from abc import ABC, abstractmethod

from torch import Tensor, nn
from torch.distributions import Distribution

from latentia.core import Batch
from latentia.models import GenerativeModel


class Posterior(nn.Module, ABC):
    """q(z | x), or what stands for it. It may look at the model: an exact one must.

    Attributes:
        fresh: True until training rows were looked at; a trained posterior is never put back to its start.
    """

    fresh: bool = True

    @abstractmethod
    def infer(self, model: GenerativeModel, batch: Batch) -> Distribution:
        """-> event z_shape; batch (B,) for one z a row, () for one z shared by all rows."""

    def start_at(self, x: Tensor) -> None:
        """A hook: look once at training rows (N, *x_shape) before the first step. Does nothing unless overridden."""
