"""scikit-learn's own checks, with no failure expected; and those of names and data frames, which it runs by themselves."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_global_output_transform_pandas,
    check_global_set_output_transform_polars,
    check_set_output_transform,
    check_set_output_transform_pandas,
    check_set_output_transform_polars,
    check_transformer_get_feature_names_out,
    check_transformer_get_feature_names_out_pandas,
    parametrize_with_checks,
)

from latentia.sklearn import PPCA, VAE, BayesianPCA, FactorAnalysis, VAEImputer, VAEOutlierDetector

ESTIMATORS: list[BaseEstimator] = [
    PPCA(),
    FactorAnalysis(tol=1e-2),
    BayesianPCA(tol=1e-2),
    VAE(epochs=2),
    VAEImputer(epochs=2, draws=20),
    VAEOutlierDetector(members=1, steps=10),
]
OF_FRAMES = (
    check_set_output_transform,
    check_set_output_transform_pandas,
    check_global_output_transform_pandas,
    check_set_output_transform_polars,
    check_global_set_output_transform_polars,
    check_transformer_get_feature_names_out,
    check_transformer_get_feature_names_out_pandas,
    check_dataframe_column_names_consistency,
)
# What scikit-learn's checks warn of by themselves, for its own estimators too.
pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:X has feature names"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning"),
]
# It needs an environment variable that is read when SciPy is imported, so a process of its own runs it below.
NEEDS_ARRAY_API = "check_array_api_input"


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_finds_nothing_wrong(estimator: BaseEstimator, check: Callable[[BaseEstimator], Any]) -> None:
    if getattr(check, "func", check).__name__ != NEEDS_ARRAY_API:
        check(estimator)


@pytest.mark.parametrize("check", OF_FRAMES, ids=lambda check: check.__name__)
@pytest.mark.parametrize("estimator", [e for e in ESTIMATORS if hasattr(e, "transform")], ids=lambda e: type(e).__name__)
def test_names_and_frames(estimator: BaseEstimator, check: Callable[[str, BaseEstimator], Any]) -> None:
    check(type(estimator).__name__, estimator)


def test_array_api_dispatch_changes_nothing() -> None:
    program = f"""
from sklearn.utils.estimator_checks import {NEEDS_ARRAY_API} as check
from latentia.sklearn import *
for e in {[str(e) for e in ESTIMATORS]!r}:
    e = eval(e)
    check(type(e).__name__, e, array_namespace="numpy", expect_only_array_outputs=False)
    print("checked")
"""
    environment = os.environ | {"SCIPY_ARRAY_API": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["checked"] * len(ESTIMATORS), done.stderr


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_nothing_is_told_before_a_fit(estimator: BaseEstimator) -> None:
    methods = (
        "transform inverse_transform score_samples score sample draw_imputations column_scores decision_function predict"
    )
    asked = [name for name in methods.split() if hasattr(estimator, name)]
    assert len(asked) > 1
    for name in asked:
        with pytest.raises(NotFittedError):
            getattr(estimator, name)(*[[[1.0, 2.0], [3.0, 4.0]]] * (name != "sample"))
