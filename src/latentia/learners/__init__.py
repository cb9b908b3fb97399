"""Learners by name."""

from latentia.learners.base import Learner
from latentia.learners.coordinate_ascent import Ascent, CoordinateAscent
from latentia.learners.em import ExpectationMaximization
from latentia.learners.joint import Joint
from latentia.learners.natural_gradient import NaturalGradient
from latentia.learners.phases import Phases
from latentia.learners.schedules import KLWeight, LearningRate, check_schedules
from latentia.learners.wake_sleep import ReweightedWakeSleep, Sleep, WakeSleep

LEARNERS: dict[str, type[Learner]] = {
    "joint": Joint,
    "em": ExpectationMaximization,
    "wake-sleep": WakeSleep,
    "reweighted-wake-sleep": ReweightedWakeSleep,
    "sleep": Sleep,
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
    "Phases",
    "ReweightedWakeSleep",
    "Sleep",
    "WakeSleep",
    "check_schedules",
]
