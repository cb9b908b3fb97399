"""Posteriors by name."""

from latentia.posteriors.amortized import Amortized
from latentia.posteriors.base import Posterior
from latentia.posteriors.exact import Exact

POSTERIORS: dict[str, type[Posterior]] = {"exact": Exact, "amortized": Amortized}

__all__ = ["POSTERIORS", "Amortized", "Exact", "Posterior"]
