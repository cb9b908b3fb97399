"""Runs: fitted models with what made them, in memory and as folders."""

from latentia.runs.fitting import StoppedRun, fit, fit_recipe, read
from latentia.runs.folder import EVALUATION, METRICS, RECIPE, REPORT, WEIGHTS, check_free, free_folder, write_evaluation
from latentia.runs.imputing import Completed
from latentia.runs.inference import Belief, Check, Inference, infer
from latentia.runs.method import for_learner
from latentia.runs.run import Run, load
from latentia.runs.scoring import Part, Scored
from latentia.runs.simulated import simulated

__all__ = [
    "EVALUATION",
    "METRICS",
    "RECIPE",
    "REPORT",
    "WEIGHTS",
    "Belief",
    "Check",
    "Completed",
    "Inference",
    "Part",
    "Run",
    "Scored",
    "StoppedRun",
    "check_free",
    "fit",
    "fit_recipe",
    "for_learner",
    "free_folder",
    "infer",
    "load",
    "read",
    "simulated",
    "write_evaluation",
]
