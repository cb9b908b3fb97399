"""The ladder: one model under every way of inferring z, or a model for each, with the gaps as numbers."""

from latentia.ladder.climb import climb, train_posterior
from latentia.ladder.own_training import DEFAULT_TRAININGS, TRAININGS, train_each
from latentia.ladder.rungs import DEFAULT_RUNGS, RUNGS, rung_kind

__all__ = [
    "DEFAULT_RUNGS",
    "DEFAULT_TRAININGS",
    "RUNGS",
    "TRAININGS",
    "climb",
    "rung_kind",
    "train_each",
    "train_posterior",
]
