"""VAEImputer: cells filled as the closed form of a linear model says, and scikit-learn's conventions for missing ones."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from helpers.chance import z_limit
from helpers.estimators import fresh
from latentia.core import LatentiaError
from latentia.sklearn import VAEImputer
from latentia.sklearn.units import Array

LINEAR = VAEImputer(1, hidden=(), epochs=60, learning_rate=2e-2, validation_fraction=0, draws=2000, random_state=0)
QUICK = VAEImputer(2, hidden=(8,), epochs=2, draws=50, random_state=0)


def holed_rows(n: int = 300, share: float = 0.2) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 1)) * [2.0, -1.0, 0.5, 1.0] + 0.3 * rng.normal(size=(n, 4)) + [10, 0, -3, 100]
    return X, np.where(rng.random(X.shape) < share, np.nan, X)


@pytest.fixture(scope="module")
def fitted() -> VAEImputer:
    return fresh(LINEAR).fit(holed_rows()[1])


def truth_of(fitted: VAEImputer, row: Array) -> tuple[Array, Array]:
    """Mean and covariance of the missing cells of a row given the others, under the fitted linear model."""
    model = fitted.run_.model.double()
    with torch.no_grad():
        at = model.likelihood(torch.tensor([[[0.0]], [[1.0]]]).double())
        (low, high), sigma = at.mean.squeeze(1).numpy(), at.variance[0, 0].numpy()
    shift, scale = fitted._units
    weight, mean = (high - low) * scale, low * scale + shift
    C = np.outer(weight, weight) + np.diag(sigma * scale**2)
    gone, seen = np.isnan(row), ~np.isnan(row)
    gain = C[np.ix_(gone, seen)] @ np.linalg.inv(C[np.ix_(seen, seen)])
    return mean[gone] + gain @ (row - mean)[seen], C[np.ix_(gone, gone)] - gain @ C[np.ix_(seen, gone)]


@pytest.mark.parametrize("gone", [[0], [1, 3], [0, 1, 2], [0, 1, 2, 3]])
def test_cells_are_filled_by_their_conditional_mean(fitted: VAEImputer, gone: list[int]) -> None:
    row = np.array([13.0, -1.2, -2.4, 101.0])
    row[gone] = np.nan
    mean, covariance = truth_of(fitted, row)
    assert_allclose(fitted.transform(row[None])[0, gone], mean, atol=0.2 * np.sqrt(np.diag(covariance)).max())


def test_it_learns_what_columns_say_of_each_other() -> None:
    X, holed = holed_rows()
    gone = np.isnan(holed)
    error = {i: np.abs(i.fit_transform(holed) - X)[gone].mean() for i in (fresh(LINEAR), SimpleImputer())}
    ours, theirs = error.values()
    assert ours < 0.6 * theirs


def test_draws_have_the_conditional_mean_and_spread(fitted: VAEImputer) -> None:
    """z-scores of means and of squares, at a false-alarm rate of 1e-6 between them; the weights' own error is far below."""
    row = np.array([13.0, np.nan, -2.4, np.nan])
    gone = np.isnan(row)
    mean, covariance = truth_of(fitted, row)
    drawn = fitted.draw_imputations(np.repeat(row[None], 2000, axis=0), 1, random_state=1)[0]
    assert_array_equal(drawn[:, ~gone], np.repeat(row[None, ~gone], 2000, axis=0))
    off = (drawn[:, gone] - mean) / np.sqrt(np.diag(covariance))
    assert (np.abs(off.mean(0)) * 2000**0.5 < z_limit(4)).all()
    assert (np.abs((off**2).mean(0) - 1) * 1000**0.5 < z_limit(4)).all()
    assert not np.array_equal(*fitted.draw_imputations(row[None], 2))


def test_what_was_seen_is_returned_as_it_came() -> None:
    X, holed = holed_rows(60)
    for dtype in (np.float64, np.float32):
        filled = fresh(QUICK).fit_transform(holed.astype(dtype))
        assert filled.dtype == dtype
        assert_array_equal(filled[~np.isnan(holed)], holed.astype(dtype)[~np.isnan(holed)])
        assert np.isfinite(filled).all()
    whole = fresh(QUICK).fit(X)
    assert_array_equal(whole.transform(X), X)
    assert np.isfinite(whole.transform(holed)).all()  # a fit without holes fills them, too


def test_a_number_may_stand_for_missing() -> None:
    holed = holed_rows(60)[1]
    as_number = np.where(np.isnan(holed), -999, holed)
    marked = fresh(QUICK, missing_values=-999)
    assert_array_equal(marked.fit_transform(as_number), fresh(QUICK).fit_transform(holed))
    with pytest.raises(ValueError, match="NaN"):
        marked.fit(holed)


def test_indicators_and_names() -> None:
    frame = pd.DataFrame(holed_rows(60)[1], columns=pd.Index(list("abcd")))
    frame["a"] = frame["a"].fillna(0)
    imputer = fresh(QUICK, add_indicator=True).set_output(transform="pandas")
    out = imputer.fit_transform(frame)
    assert list(out.columns) == [*"abcd", "missingindicator_b", "missingindicator_c", "missingindicator_d"]
    assert_array_equal(out["missingindicator_c"].astype(bool), frame["c"].isna())
    assert not out.isna().any().any()


def test_it_stands_in_a_pipeline() -> None:
    X, holed = holed_rows(60)
    assert make_pipeline(fresh(QUICK), Ridge()).fit(holed, X[:, 0]).predict(holed).shape == (60,)


def test_a_column_without_values_is_refused() -> None:
    holed = holed_rows(60)[1]
    holed[:, 2] = np.nan
    with pytest.raises(LatentiaError, match="column 2 holds no value"):
        fresh(QUICK).fit(holed)
    with pytest.raises(ValueError, match="infinity"):
        fresh(QUICK).fit(np.where(np.isnan(holed), np.inf, holed))


@pytest.mark.parametrize(("draws", "bound"), [(1, "elbo"), (20, "iwae")])
def test_the_bound_is_that_of_miwae_unless_one_draw_is_asked_for(draws: int, bound: str) -> None:
    fitted = fresh(QUICK, bound_draws=draws).fit(holed_rows(40)[1])
    recipe = fitted.run_.known_recipe()
    assert (recipe.bound["name"], recipe.draws) == (bound, draws)
    assert fresh(QUICK).bound_draws == 20
    with pytest.raises(ValueError, match="bound_draws == 0"):
        fresh(QUICK, bound_draws=0).fit(holed_rows(40)[1])
