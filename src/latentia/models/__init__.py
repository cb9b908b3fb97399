"""Generative models by name."""

from latentia.models.base import GenerativeModel, HasExactPosterior
from latentia.models.decoded import Decoded, check_raw
from latentia.models.ppca import PPCA

MODELS: dict[str, type[GenerativeModel]] = {"decoded": Decoded, "ppca": PPCA}

__all__ = ["MODELS", "PPCA", "Decoded", "GenerativeModel", "HasExactPosterior", "check_raw"]
