"""Learners by name."""

from latentia.learners.base import Learner
from latentia.learners.coordinate_ascent import Ascent, CoordinateAscent, VariationalFactor
from latentia.learners.em import ExpectationMaximization
from latentia.learners.joint import Joint
from latentia.learners.phases import Phases
from latentia.learners.schedules import KLWeight, LearningRate, check_schedules
from latentia.learners.wake_sleep import ReweightedWakeSleep, Sleep, WakeSleep

LEARNERS: dict[str, type[Learner]] = {
    "joint": Joint,
    "em": ExpectationMaximization,
    "wake-sleep": WakeSleep,
    "reweighted-wake-sleep": ReweightedWakeSleep,
    "sleep": Sleep,
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
    "Phases",
    "ReweightedWakeSleep",
    "Sleep",
    "VariationalFactor",
    "WakeSleep",
    "check_schedules",
]
