"""Held-out numbers: bounds, importance-weighted estimates, and what the latents carry."""

from latentia.evaluation.annealing import Annealed, Sandwich, ais, reverse_ais, sandwich
from latentia.evaluation.coherence import Coherence, coherence, diversity, top_words
from latentia.evaluation.draws import DEFAULT_MEMORY, chunk_sizes, quiet
from latentia.evaluation.evidence import log_evidence
from latentia.evaluation.gaps import Gaps, gaps
from latentia.evaluation.gibbs import Gibbs, gibbs
from latentia.evaluation.gradient_noise import GradientNoise, gradient_noise
from latentia.evaluation.held_out import evaluate_split, quick_look
from latentia.evaluation.importance import Weighted, weighted_mean
from latentia.evaluation.imputing import Imputed, impute
from latentia.evaluation.ladder import Ladder, Rung
from latentia.evaluation.latents import (
    expected_x,
    latents,
    mean_and_error,
    mutual_information,
    some_places,
    some_rows,
)
from latentia.evaluation.neighbors import METRICS, Metric, Neighbors, NeighborSearch, neighbors
from latentia.evaluation.pareto import k_hats, smoothed
from latentia.evaluation.paths import PATHS, WalkPath, between, decoded, usual_path
from latentia.evaluation.pieces import draws_of_x, means_of_x
from latentia.evaluation.result import ACTIVE_VARIANCE, Evaluation, Figure
from latentia.evaluation.scoring import Score, score
from latentia.evaluation.topics import Topic, Topics, perplexity, perplexity_at_means, topics_of, word_chances

__all__ = [
    "ACTIVE_VARIANCE",
    "DEFAULT_MEMORY",
    "METRICS",
    "PATHS",
    "Annealed",
    "Coherence",
    "Evaluation",
    "Figure",
    "Gaps",
    "Gibbs",
    "GradientNoise",
    "Imputed",
    "Ladder",
    "Metric",
    "NeighborSearch",
    "Neighbors",
    "Rung",
    "Sandwich",
    "Score",
    "Topic",
    "Topics",
    "WalkPath",
    "Weighted",
    "ais",
    "between",
    "chunk_sizes",
    "coherence",
    "decoded",
    "diversity",
    "draws_of_x",
    "evaluate_split",
    "expected_x",
    "gaps",
    "gibbs",
    "gradient_noise",
    "impute",
    "k_hats",
    "latents",
    "log_evidence",
    "mean_and_error",
    "means_of_x",
    "mutual_information",
    "neighbors",
    "perplexity",
    "perplexity_at_means",
    "quick_look",
    "quiet",
    "reverse_ais",
    "sandwich",
    "score",
    "smoothed",
    "some_places",
    "some_rows",
    "top_words",
    "topics_of",
    "usual_path",
    "weighted_mean",
    "word_chances",
]
