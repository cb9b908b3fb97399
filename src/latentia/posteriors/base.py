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
        """-> event z_shape; batch (B,) for one z a row, () for one z shared by all rows.

        A function of its arguments and the parameters: nothing is remembered, and torch's random state is left alone.
        """

    def before_step(self, model: GenerativeModel, batch: Batch) -> None:
        """A hook: what belongs to these training rows is brought up to date. Does nothing unless overridden."""

    def diagnose(self, model: GenerativeModel, batch: Batch) -> str | None:
        """Why an answer for these rows is of no use, with the cure, if the posterior knows; None unless overridden."""
        return None

    def start_at(self, x: Tensor) -> None:
        """A hook: look once at training rows (N, *x_shape) before the first step. Does nothing unless overridden."""
