"""Runs: fitted models with what made them, in memory and as folders."""

from latentia.runs.beside import Beside, place_for
from latentia.runs.checkpoints import SECONDS
from latentia.runs.fitting import StoppedRun, fit, fit_recipe, fit_wanted, read
from latentia.runs.folder import EVALUATION, METRICS, RECIPE, REPORT, WEIGHTS, check_free, free_folder, write_evaluation
from latentia.runs.imputing import Completed, as_table
from latentia.runs.inference import Belief, Check, Inference, infer
from latentia.runs.method import for_learner
from latentia.runs.place import Place, Stage, UnsavedRun, stage
from latentia.runs.resuming import go_on, resume, stage_for_all
from latentia.runs.rows import rows_for, schema_of
from latentia.runs.run import Run, load
from latentia.runs.scoring import Part, Scored
from latentia.runs.simulated import simulated

__all__ = [
    "EVALUATION",
    "METRICS",
    "RECIPE",
    "REPORT",
    "SECONDS",
    "WEIGHTS",
    "Belief",
    "Beside",
    "Check",
    "Completed",
    "Inference",
    "Part",
    "Place",
    "Run",
    "Scored",
    "Stage",
    "StoppedRun",
    "UnsavedRun",
    "as_table",
    "check_free",
    "fit",
    "fit_recipe",
    "fit_wanted",
    "for_learner",
    "free_folder",
    "go_on",
    "infer",
    "load",
    "place_for",
    "read",
    "resume",
    "rows_for",
    "schema_of",
    "simulated",
    "stage",
    "stage_for_all",
    "write_evaluation",
]
