"""Generative models by name."""

from latentia.models.base import GenerativeModel, HasExactPosterior, HasMStep
from latentia.models.decoded import Decoded, check_raw
from latentia.models.factor_analysis import FactorAnalysis
from latentia.models.gaussian_mixture import GaussianMixture
from latentia.models.ppca import PPCA

MODELS: dict[str, type[GenerativeModel]] = {"decoded": Decoded, "ppca": PPCA, "factor-analysis": FactorAnalysis}

__all__ = [
    "MODELS",
    "PPCA",
    "Decoded",
    "FactorAnalysis",
    "GaussianMixture",
    "GenerativeModel",
    "HasExactPosterior",
    "HasMStep",
    "check_raw",
]
