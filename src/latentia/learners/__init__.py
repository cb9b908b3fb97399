"""Learners by name."""

from latentia.learners.base import Learner
from latentia.learners.em import ExpectationMaximization
from latentia.learners.joint import Joint
from latentia.learners.schedules import KLWeight, LearningRate, check_schedules

LEARNERS: dict[str, type[Learner]] = {"joint": Joint}

__all__ = [
    "LEARNERS",
    "ExpectationMaximization",
    "Joint",
    "KLWeight",
    "Learner",
    "LearningRate",
    "check_schedules",
]
