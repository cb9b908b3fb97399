"""Posteriors by name."""

from latentia.posteriors.amortized import Amortized
from latentia.posteriors.base import Posterior
from latentia.posteriors.exact import Exact
from latentia.posteriors.per_datum import PerDatum, RowOptimum, optimize_rows

POSTERIORS: dict[str, type[Posterior]] = {"exact": Exact, "amortized": Amortized}

__all__ = ["POSTERIORS", "Amortized", "Exact", "PerDatum", "Posterior", "RowOptimum", "optimize_rows"]
