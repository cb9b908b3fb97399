"""Estimators by their parameters, unfitted."""

from typing import Any, TypeVar

from sklearn.base import BaseEstimator, clone

E = TypeVar("E", bound=BaseEstimator)


def fresh(estimator: E, **parameters: Any) -> E:
    """A copy with no fit and other parameters."""
    again: Any = clone(estimator)
    return again.set_params(**parameters)
