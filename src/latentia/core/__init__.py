"""What every floor stands on: the batch, the errors, the checks."""

from latentia.core.batch import Batch
from latentia.core.errors import (
    DataError,
    LatentiaError,
    NoClosedForm,
    NonFinite,
    NoReparameterization,
    RecipeError,
    RunError,
    ShapeError,
    SupportError,
)

__all__ = [
    "Batch",
    "DataError",
    "LatentiaError",
    "NoClosedForm",
    "NoReparameterization",
    "NonFinite",
    "RecipeError",
    "RunError",
    "ShapeError",
    "SupportError",
]
