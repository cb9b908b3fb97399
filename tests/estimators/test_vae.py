"""The VAE as an estimator: what it must agree with, and life among scikit-learn's own tools."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import latentia
from helpers.estimators import fresh
from latentia.core import LatentiaError
from latentia.sklearn import PPCA, VAE, VAEImputer
from latentia.sklearn.units import Array

QUICK = VAE(hidden=(8,), epochs=3, random_state=0)


@pytest.fixture(scope="module")
def iris() -> Array:
    return np.asarray(load_iris(return_X_y=True)[0])


def test_a_linear_vae_comes_to_ppcas_density() -> None:
    """With a linear decoder, encoder and one noise the optimum is PPCA (Lucas et al. 2019), which no score can exceed.

    But for the draws' error, 0.001 nats at 1,000 draws, which all rows share.
    """
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2)) @ rng.normal(size=(2, 5)) + 0.5 * rng.normal(size=(400, 5))
    linear = VAE(hidden=(), standardize=False, epochs=60, learning_rate=2e-2, validation_fraction=0, score_draws=1000)
    linear.set_params(random_state=0).fit(X)
    exact = PPCA(2).fit(X)
    assert exact.score(X) - 0.03 < linear.score(X) <= exact.score(X) + 0.005
    assert np.corrcoef(linear.score_samples(X), exact.score_samples(X))[0, 1] > 0.99
    assert_allclose(linear.inverse_transform(linear.transform(X)), exact.inverse_transform(exact.transform(X)), atol=0.3)


def test_densities_are_of_own_units(iris: Array) -> None:
    small, large = fresh(QUICK).fit(iris), fresh(QUICK).fit(iris * 100 + 7)
    assert_allclose(large.transform(iris * 100 + 7), small.transform(iris), atol=1e-5)
    assert_allclose(large.score_samples(iris * 100 + 7), small.score_samples(iris) - 4 * np.log(100), atol=1e-4)


def test_a_seed_makes_a_fit_and_another_makes_another(iris: Array) -> None:
    fits = [fresh(QUICK, random_state=seed).fit(iris) for seed in (0, 0, 1, np.random.RandomState(5))]
    z = [fitted.transform(iris) for fitted in fits]
    assert_array_equal(z[0], z[1])
    assert np.abs(z[0] - z[2]).max() > 0.01 < np.abs(z[0] - z[3]).max()
    assert_array_equal(fits[0].score_samples(iris), fits[1].score_samples(iris))
    assert_array_equal(fits[0].sample(4), fits[1].sample(4))
    assert np.abs(fits[0].sample(4, random_state=3) - fits[0].sample(4, random_state=4)).max() > 0.01


def test_more_draws_score_higher(iris: Array) -> None:
    scores = [fresh(QUICK, score_draws=draws, epochs=1).fit(iris).score(iris) for draws in (1, 1000)]
    assert scores[0] < scores[1]


def test_bits_stay_bits() -> None:
    X = (load_digits(return_X_y=True)[0][:200] > 8).astype(float)
    fitted = VAE(likelihood="bernoulli", hidden=(16,), epochs=2, random_state=0).fit(X)
    assert set(np.unique(fitted.sample(20))) == {0.0, 1.0}
    chances = fitted.inverse_transform(fitted.transform(X))
    assert 0 < chances.min() < chances.max() < 1
    assert (fitted.score_samples(X) < 0).all()
    with pytest.raises(LatentiaError, match="Bernoulli"):
        fresh(fitted).fit(X + 0.3)


def test_pickle_and_folder_both_keep_it(iris: Array, tmp_path: Path) -> None:
    fitted = fresh(QUICK).fit(iris)
    again = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(again.transform(iris), fitted.transform(iris))
    assert_array_equal(again.score_samples(iris), fitted.score_samples(iris))
    run = latentia.load(fitted.run_.save(tmp_path / "run"))
    x = (iris - iris.mean(0)) / iris.std(0)
    assert_allclose(run.encode(x).numpy(), fitted.transform(iris), atol=1e-5)
    assert len(pickle.dumps(VAE(hidden=(8,), epochs=1).fit(np.repeat(iris, 100, axis=0)))) < 60_000  # the rows are not kept


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_a_search_in_two_jobs_finds_what_one_finds(iris: Array, backend: str) -> None:
    pipeline = make_pipeline(QUICK, LogisticRegression())
    found = []
    for jobs in (1, 2):
        with parallel_config(backend, n_jobs=jobs):
            search = GridSearchCV(pipeline, {"vae__n_components": [1, 2]}, cv=2).fit(iris, load_iris(return_X_y=True)[1])
        found.append(search.cv_results_["mean_test_score"])
    assert_array_equal(found[0], found[1])


def test_a_search_by_its_own_score(iris: Array) -> None:
    alone = GridSearchCV(QUICK, {"n_components": [1, 2]}, cv=2).fit(iris)
    assert alone.best_score_ == max(alone.cv_results_["mean_test_score"])


def test_frames_keep_names_and_index() -> None:
    frame: Any = load_iris(return_X_y=True, as_frame=True)[0]
    frame = frame.iloc[10:60]
    fitted = fresh(QUICK).set_output(transform="pandas").fit(frame)
    z = fitted.transform(frame)
    assert isinstance(z, pd.DataFrame)
    assert list(z.columns) == ["vae0", "vae1"] == list(fitted.get_feature_names_out())
    assert (z.index == frame.index).all()
    assert list(fitted.feature_names_in_) == list(frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        fitted.transform(frame[frame.columns[::-1]])


def test_patience_that_never_ran_out_is_said(iris: Array) -> None:
    with pytest.warns(ConvergenceWarning, match="raise epochs"):
        fresh(QUICK, patience=3).fit(iris)
    assert fresh(QUICK, patience=1, epochs=200, learning_rate=0.1).fit(iris).n_iter_ < 200


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"n_components": 0}, "n_components == 0"),
        ({"likelihood": "norml"}, "did you mean 'normal'"),
        ({"activation": "rleu"}, "did you mean 'relu'"),
        ({"epochs": "many"}, "epochs"),
        ({"epochs": 0}, "epochs == 0"),
        ({"scale": -1.0}, "scale is -1.0"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"validation_fraction": 1.0}, "validation_fraction"),
        ({"hidden": (0,)}, "hidden widths"),
        ({"hidden": "large"}, "hidden is 'large', wanted the widths of its layers"),
        ({"device": "abacus"}, "abacus"),
        ({"score_draws": 0}, "score_draws"),
    ],
    ids=str,
)
def test_a_wrong_parameter_is_one_line(iris: Array, wrong: dict[str, object], said: str) -> None:
    with pytest.raises((ValueError, TypeError), match=said) as caught:
        fresh(QUICK, **wrong).fit(iris)
    assert "\n" not in str(caught.value)


def test_text_is_refused_with_what_to_do() -> None:
    frame = pd.DataFrame({"age": [30.0, 40.0, 50.0], "city": ["Ulm", "Kiel", "Ulm"]})
    for estimator in (fresh(QUICK), VAEImputer(epochs=1)):
        with pytest.raises(ValueError, match=r"convert string to float: 'Ulm'; VAE.* takes numbers alone: encode"):
            estimator.fit(frame)
