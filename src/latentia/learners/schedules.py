"""Schedules: numbers that depend on the step, and on nothing else."""

import math
from typing import NamedTuple

from latentia.core.errors import LatentiaError


class LearningRate(NamedTuple):
    """Learning rate at a step: a linear rise over ``warm_up``, then the peak, or a cosine down to ``final`` at ``total``.

    Attributes:
        peak: highest rate.
        warm_up: steps until it is reached.
        total: steps at which the cosine ends; 0 keeps the peak.
        final: rate at the end of the cosine.
    """

    peak: float
    warm_up: int = 0
    total: int = 0
    final: float = 0.0

    def at(self, step: int) -> float:
        """The rate for the step numbered ``step``, from 0.

        >>> LearningRate(1.0, warm_up=4).at(0), LearningRate(1.0, total=10).at(10)
        (0.25, 0.0)
        """
        if step < self.warm_up:
            return self.peak * (step + 1) / self.warm_up
        if not self.total:
            return self.peak
        done = min(1.0, (step - self.warm_up) / max(1, self.total - self.warm_up))
        return self.final + (self.peak - self.final) * 0.5 * (1 + math.cos(math.pi * done))


class KLWeight(NamedTuple):
    """Weight of the KL at a step: rises linearly from ``start`` to ``beta`` over ``warm_up`` steps, then holds.

    Bowman et al. (2016), Generating Sentences from a Continuous Space; Sønderby et al. (2016), Ladder VAEs.
    """

    beta: float = 1.0
    warm_up: int = 0
    start: float = 0.0

    def at(self, step: int) -> float:
        """The weight for the step numbered ``step``, from 0.

        >>> [KLWeight(1.0, warm_up=2).at(s) for s in (0, 1, 2)]
        [0.0, 0.5, 1.0]
        """
        if step >= self.warm_up:
            return self.beta
        return self.start + (self.beta - self.start) * step / self.warm_up


def check_schedules(lr: LearningRate, kl: KLWeight, total_steps: int) -> None:
    """Refuse schedules that cannot end within the training.

    Raises:
        LatentiaError: a rate that is not positive, a negative weight, or a warm-up longer than the training.
    """
    if not (lr.peak > 0 and math.isfinite(lr.peak)):
        raise LatentiaError(f"the learning rate is {lr.peak}, wanted a positive number such as 1e-3.")
    if kl.beta < 0 or not math.isfinite(kl.beta):
        raise LatentiaError(f"beta is {kl.beta}, wanted a number >= 0; 1 is the bound itself.")
    for name, steps in (("KL warm-up", kl.warm_up), ("learning-rate warm-up", lr.warm_up)):
        if steps < 0 or steps >= total_steps:
            raise LatentiaError(
                f"the {name} takes {steps} steps but the training has only {total_steps}; shorten it or train for longer."
            )
