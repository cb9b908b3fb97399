"""VAEOutlierDetector: outliers that are known, a threshold, and scores that say why."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from helpers.estimators import fresh
from latentia.sklearn import VAEOutlierDetector
from latentia.sklearn.units import Array

DETECTOR = VAEOutlierDetector(4, members=2, steps=100, random_state=0)


def rows_and_outliers(n: int = 400, odd: int = 8) -> tuple[Array, NDArray[np.bool_]]:
    """Rows on a line in 5 columns; the last ``odd`` have a fourth column of the wrong sign."""
    rng = np.random.default_rng(0)
    z = rng.uniform(0.5, 2, size=(n, 1)) * rng.choice([-1, 1], size=(n, 1))
    X = z * [1.0, 2.0, -1.0, 1.5, 1.0] + 0.1 * rng.normal(size=(n, 5))
    X[-odd:, 3] *= -1
    return X, np.arange(n) >= n - odd


def test_it_finds_rows_that_break_what_columns_have_in_common_and_says_which_column() -> None:
    X, odd = rows_and_outliers()
    fitted = fresh(DETECTOR).fit(X)
    assert roc_auc_score(odd, -fitted.score_samples(X)) > 0.97
    assert roc_auc_score(odd, np.abs(StandardScaler().fit_transform(X)).max(1)) < 0.7  # no column gives them away by itself
    parts = fitted.column_scores(X)
    surprise = np.median(parts, axis=0) - parts[odd]
    assert (surprise.argmax(1) == 3).mean() > 0.7


def test_columns_add_up_to_the_score_and_the_kl() -> None:
    """The KL by its closed form; 2,000 draws, the same for every row, leave an error of about 0.04 nats."""
    X, _ = rows_and_outliers(100)
    fitted = fresh(DETECTOR, members=1, steps=50, score_draws=2000).fit(X)
    shift, scale = fitted._units
    mean, sd = (t.numpy() for t in fitted.runs_[0].encode_with_sd((X - shift) / scale))
    kl = (0.5 * (mean**2 + sd**2 - 1) - np.log(sd)).sum(1)
    assert kl.mean() > 0.5  # else there would be nothing to see
    assert_allclose(fitted.column_scores(X).sum(1) - fitted.score_samples(X), kl, atol=0.2)


def test_the_threshold_is_the_share_that_was_asked_for() -> None:
    X, _ = rows_and_outliers()
    for share in (0.01, 0.1, 0.5):
        fitted = fresh(DETECTOR, contamination=share, steps=5).fit(X)
        assert (fitted.predict(X) == -1).sum() == share * 400
        assert_array_equal(fitted.predict(X) == -1, fitted.score_samples(X) < fitted.offset_)
        assert_array_equal(fitted.fit_predict(X), fitted.predict(X))
    for wrong in (0.0, 0.6):
        with pytest.raises(ValueError, match="contamination"):
            fresh(DETECTOR, contamination=wrong).fit(X)


def test_scores_are_of_own_units_and_the_order_is_not() -> None:
    X, _ = rows_and_outliers(60)
    small, large = (fresh(DETECTOR, steps=20).fit(rows).score_samples(rows) for rows in (X, 1000 * X - 5))
    assert_allclose(large, small - 5 * np.log(1000), atol=1e-3)


def test_a_member_sees_no_more_rows_than_its_steps_take() -> None:
    X, _ = rows_and_outliers()
    fitted = fresh(DETECTOR, steps=3, batch_size=10).fit(X)
    assert [run.history.rows[-1]["step"] for run in fitted.runs_] == [3, 3]
    few = fresh(DETECTOR, steps=100, batch_size=128).fit(X)
    assert [run.history.rows[-1]["step"] for run in few.runs_] == [100, 100]


def test_members_differ_and_seeds_repeat() -> None:
    X, _ = rows_and_outliers(60)
    fits = [fresh(DETECTOR, random_state=seed, steps=10).fit(X) for seed in (0, 0, 1)]
    assert_array_equal(fits[0].score_samples(X), fits[1].score_samples(X))
    assert np.abs(fits[0].score_samples(X) - fits[2].score_samples(X)).max() > 1e-3
    still = fresh(DETECTOR, steps=1, learning_rate=1e-9).fit(X)  # members as they began
    first, second = (run.model.state_dict()["network.last.weight"] for run in still.runs_)
    assert float((first - second).abs().max()) > 0.01
    again = pickle.loads(pickle.dumps(fits[0]))
    assert_array_equal(again.decision_function(X), fits[0].decision_function(X))
