"""A learner decides who moves when, and owns the optimizers that move them."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from latentia.bounds import Bound
from latentia.core import Batch
from latentia.core.memory import Memory, as_int, as_tensor, check_alike, inside, put_back, remembered
from latentia.data import Split
from latentia.learners.adam import FusedAdam, Moments
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

    def memory(self) -> Memory:
        """Everything that the steps to come depend on, beside their batches and torch's random state.

        That is both halves, what their modules remember (``core.memory``), the moments of an ``optimizer`` where the learner
        has one, and ``own_memory``.

        A learner with freshly built parts of the same kind, after ``restore``, takes the very steps that this one would.
        The tensors are the live ones: write them down, or copy them, before the next step.
        """
        kept: Memory = {"steps": self.steps}
        kept |= {f"parts.{name}": value for name, value in remembered(self._whole).items()}
        kept |= {f"own.{name}": value for name, value in self.own_memory().items()}
        for place, moments in self._moments().items():
            kept |= {f"optimizer.{place}.{name}": value for name, value in moments.items()}
        return kept

    def restore(self, memory: Memory) -> None:
        """Go on from where ``memory`` was taken; the parts count as having looked at the data.

        Raises:
            ShapeError: the parts are not built as those were.
        """
        put_back(self._whole, inside(memory, "parts."))
        self.restore_own(inside(memory, "own."))
        self._restore_moments(inside(memory, "optimizer."))
        self.steps = as_int(memory["steps"])
        self.model.fresh = self.posterior.fresh = False

    def own_memory(self) -> Memory:
        """A hook: what steps leave in the learner itself beside moments; nothing unless overridden."""
        return {}

    def restore_own(self, memory: Memory) -> None:
        """A hook: take back what ``own_memory`` gave; unless overridden, that must have been nothing."""
        check_alike({name: torch.empty(0) for name in memory}, {})

    @property
    def _whole(self) -> torch.nn.ModuleDict:
        """Both halves, whether the learner moves them or not, and whatever else it owns."""
        return torch.nn.ModuleDict({**self.modules, "model": self.model, "posterior": self.posterior})

    @property
    def _optimizer(self) -> FusedAdam | None:
        return getattr(self, "optimizer", None)

    def _moments(self) -> Moments:
        return {} if self._optimizer is None else self._optimizer.moments()

    def _restore_moments(self, memory: Memory) -> None:
        optimizer = self._optimizer
        if optimizer is None:
            return
        held: dict[int, dict[str, Tensor]] = {}
        for name, value in memory.items():
            place, _, what = name.partition(".")
            held.setdefault(int(place), {})[what] = as_tensor(value)
        parameters = optimizer.parameters
        for place, moments in held.items():
            of = {what: value for what, value in moments.items() if value.ndim}
            check_alike(of, dict.fromkeys(of, parameters[place]) if place < len(parameters) else {})
        optimizer.restore(held)

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
