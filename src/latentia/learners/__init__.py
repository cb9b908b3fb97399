"""Learners by name."""

from latentia.learners.base import Learner
from latentia.learners.coordinate_ascent import Ascent, CoordinateAscent
from latentia.learners.em import ExpectationMaximization
from latentia.learners.joint import Joint
from latentia.learners.natural_gradient import NaturalGradient
from latentia.learners.schedules import KLWeight, LearningRate, check_schedules

LEARNERS: dict[str, type[Learner]] = {
    "joint": Joint,
    "em": ExpectationMaximization,
    "coordinate-ascent": CoordinateAscent,
    "natural-gradient": NaturalGradient,
}

__all__ = [
    "LEARNERS",
    "Ascent",
    "CoordinateAscent",
    "ExpectationMaximization",
    "Joint",
    "KLWeight",
    "Learner",
    "LearningRate",
    "NaturalGradient",
    "check_schedules",
]
