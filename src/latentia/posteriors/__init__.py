"""Posteriors by name."""

from latentia.posteriors.amortized import Amortized
from latentia.posteriors.base import Posterior
from latentia.posteriors.clamped import Clamped
from latentia.posteriors.exact import Exact
from latentia.posteriors.iterative import Iterative
from latentia.posteriors.layered import Layered
from latentia.posteriors.mean_field import MeanField
from latentia.posteriors.per_datum import PerDatum
from latentia.posteriors.refined import Refined
from latentia.posteriors.row_search import RowOptimum, optimize_rows
from latentia.posteriors.semi_amortized import SemiAmortized
from latentia.posteriors.shared import Shared
from latentia.posteriors.table import Table
from latentia.posteriors.variational import VariationalFactor

POSTERIORS: dict[str, type[Posterior]] = {
    "exact": Exact,
    "mean-field": MeanField,
    "per-datum": PerDatum,
    "amortized": Amortized,
    "semi-amortized": SemiAmortized,
    "iterative": Iterative,
    "clamped": Clamped,
    "layered": Layered,
    "variational": VariationalFactor,
}

__all__ = [
    "POSTERIORS",
    "Amortized",
    "Clamped",
    "Exact",
    "Iterative",
    "Layered",
    "MeanField",
    "PerDatum",
    "Posterior",
    "Refined",
    "RowOptimum",
    "SemiAmortized",
    "Shared",
    "Table",
    "VariationalFactor",
    "optimize_rows",
]
