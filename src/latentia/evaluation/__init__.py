"""Held-out numbers: bounds, importance-weighted estimates, and what the latents carry."""

from latentia.evaluation.annealing import Annealed, Sandwich, ais, reverse_ais, sandwich
from latentia.evaluation.draws import DEFAULT_MEMORY, chunk_sizes, quiet
from latentia.evaluation.evidence import log_evidence
from latentia.evaluation.gaps import Gaps, gaps
from latentia.evaluation.gradient_noise import GradientNoise, gradient_noise
from latentia.evaluation.held_out import evaluate_split, quick_look
from latentia.evaluation.ladder import Ladder, Rung
from latentia.evaluation.latents import latents, mean_and_error, mutual_information, some_places, some_rows
from latentia.evaluation.pareto import k_hats, smoothed
from latentia.evaluation.result import ACTIVE_VARIANCE, Evaluation, Figure

__all__ = [
    "ACTIVE_VARIANCE",
    "DEFAULT_MEMORY",
    "Annealed",
    "Evaluation",
    "Figure",
    "Gaps",
    "GradientNoise",
    "Ladder",
    "Rung",
    "Sandwich",
    "ais",
    "chunk_sizes",
    "evaluate_split",
    "gaps",
    "gradient_noise",
    "k_hats",
    "latents",
    "log_evidence",
    "mean_and_error",
    "mutual_information",
    "quick_look",
    "quiet",
    "reverse_ais",
    "sandwich",
    "smoothed",
    "some_places",
    "some_rows",
]
