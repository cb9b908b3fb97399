"""A learner decides who moves when, and owns the optimizers that move them."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from latentia.bounds import Bound
from latentia.core import Batch
from latentia.data import Split
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior


class Learner(ABC):
    """Improves a model and a posterior, one batch at a time.

    Attributes:
        model: p.
        posterior: q.
        bound: what is raised, and by which epochs are compared.
        draws: K, draws a row.
        steps: steps taken.
        full_batch: a step takes all training rows, whatever batch size is asked for.
    """

    model: GenerativeModel
    posterior: Posterior
    bound: Bound
    draws: int
    steps: int
    full_batch: bool = False

    @abstractmethod
    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Improve model and posterior in place from one batch.

        Returns:
            scalar tensors on the batch's device, read without a sync: "bound" and "rate" (nats a row),
            "grad_norm", and "skipped" (1 where the step was not taken because something was not finite).
        """

    @abstractmethod
    def check(self, total_steps: int) -> None:
        """Refuse schedules that do not fit into a training of ``total_steps`` steps.

        Raises:
            LatentiaError: with the schedule and the numbers.
        """

    def own_look(self, split: Split) -> dict[str, float]:
        """A hook: held-out numbers that take the place of the loop's own, by name; nothing unless overridden.

        A learner whose objective bounds no log p(x) says here by which "bound" its epochs compare. It is asked as the loop
        itself looks: without gradients, in evaluation mode, and from the same random seed each time.
        """
        return {}

    @property
    @abstractmethod
    def modules(self) -> torch.nn.ModuleDict:
        """Everything with state, by name: what is moved to a device, saved, and restored."""

    @property
    @abstractmethod
    def lr(self) -> float:
        """Learning rate of the next step."""

    @property
    @abstractmethod
    def effective_beta(self) -> float:
        """What the KL of a row counts for beside its reconstruction in the next step; 1 is the bound itself."""

    @property
    @abstractmethod
    def warm_up_steps(self) -> int:
        """Steps before the KL weight is final; bounds from before do not compare with bounds from after."""
