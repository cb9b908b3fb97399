"""The linear estimators against scikit-learn's own, and Bayesian PCA against a rank that is known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.linalg import subspace_angles
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA
from sklearn.decomposition import FactorAnalysis as TheirFactorAnalysis
from sklearn.exceptions import ConvergenceWarning

import latentia
from latentia.core import LatentiaError
from latentia.sklearn import PPCA, BayesianPCA, FactorAnalysis
from latentia.sklearn.units import Array

LINEAR = [PPCA(2), FactorAnalysis(2), BayesianPCA(2)]
of_each = pytest.mark.parametrize("estimator", LINEAR, ids=lambda e: type(e).__name__)


def rows(n: int = 300, noise: float | Array = 0.5, seed: int = 0, factors: int = 2, values: int = 6) -> Array:
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(factors, values))
    return rng.normal(size=(n, factors)) @ weight + noise * rng.normal(size=(n, values)) + 5


def test_ppca_is_scikit_learns_pca_but_for_the_divisor() -> None:
    X = rows()
    ours, theirs = PPCA(2).fit(X), PCA(2).fit(X)
    per_row = (len(X) - 1) / len(X)
    theirs.explained_variance_ *= per_row
    theirs.noise_variance_ *= per_row
    assert_allclose(ours.score_samples(X), theirs.score_samples(X), rtol=1e-9)
    assert_allclose(ours.get_covariance(), theirs.get_covariance(), rtol=1e-9, atol=1e-12)
    assert_allclose(ours.noise_variance_, theirs.noise_variance_, rtol=1e-9)
    # E[z | x] is the projection, whitened and drawn to 0 by the noise.
    variance = theirs.explained_variance_
    shrunk = theirs.transform(X) * np.sqrt(variance - theirs.noise_variance_) / variance
    assert_allclose(np.abs(ours.transform(X)), np.abs(shrunk), rtol=1e-8, atol=1e-10)
    assert_allclose(ours.mean_, X.mean(0), rtol=1e-12)


def test_factor_analysis_finds_scikit_learns_maximum() -> None:
    X = rows(noise=np.array([0.3, 0.5, 0.8, 1.0, 0.4, 0.6])) * [1, 10, 0.1, 1, 1, 1000]
    ours = FactorAnalysis(2, tol=1e-11, max_iter=5000).fit(X)
    scale = X.std(0)  # theirs stops early where columns differ by so much
    theirs = TheirFactorAnalysis(2, tol=1e-9, max_iter=5000, svd_method="lapack").fit(X / scale)
    assert_allclose(ours.score_samples(X), theirs.score_samples(X / scale) - np.log(scale).sum(), atol=2e-4)
    assert_allclose(ours.noise_variance_, theirs.noise_variance_ * scale**2, rtol=2e-3)
    assert float(np.max(subspace_angles(ours.components_.T, (theirs.components_ * scale).T))) < 1e-3
    assert ours.score(X) >= theirs.score(X / scale) - np.log(scale).sum() - 1e-6


@of_each
def test_a_score_is_the_density_of_the_covariance_that_is_told(estimator: PPCA) -> None:
    X = rows() * 7
    fitted = estimator.fit(X)
    normal: Any = multivariate_normal(fitted.mean_, fitted.get_covariance())  # pyright: ignore[reportArgumentType]
    truth = normal.logpdf(X)
    assert_allclose(fitted.score_samples(X), truth, rtol=1e-8)
    assert_allclose(fitted.score(X), truth.mean(), rtol=1e-8)


@of_each
@pytest.mark.parametrize("unit", [1e-8, 1e8])
def test_units_do_not_matter(estimator: PPCA, unit: float) -> None:
    X = rows()
    small = estimator.fit_transform(X)
    density = estimator.score_samples(X)
    assert_allclose(estimator.fit_transform(X * unit), small, rtol=1e-4, atol=1e-5)
    assert_allclose(estimator.score_samples(X * unit), density - 6 * np.log(unit), rtol=1e-4, atol=1e-4)


@of_each
def test_latents_lead_back_to_what_is_expected(estimator: PPCA) -> None:
    X = rows()
    z = estimator.fit_transform(X)
    assert_allclose(estimator.inverse_transform(z), z @ estimator.components_ + estimator.mean_, rtol=1e-9)
    with pytest.raises(LatentiaError, match="3 columns"):
        estimator.inverse_transform(np.ones((2, 3)))


@of_each
def test_new_rows_have_the_covariance(estimator: PPCA) -> None:
    """Each entry within 4.9 standard errors (1e-6 by chance for one, 2e-5 for all 21)."""
    fitted = estimator.fit(rows())
    drawn, C = fitted.sample(20_000, random_state=1), fitted.get_covariance()
    error = np.sqrt((np.outer(np.diag(C), np.diag(C)) + C**2) / len(drawn))
    assert (np.abs(np.cov(drawn.T) - C) < 4.9 * error).all()


@pytest.mark.parametrize("rank", [1, 3])
def test_bayesian_pca_finds_the_rank(rank: int) -> None:
    X = rows(n=500, noise=0.3, factors=rank, values=8, seed=rank)
    fitted = BayesianPCA().fit(X)
    assert fitted.n_kept_ == rank
    assert fitted.n_components_ == 7
    lengths = np.linalg.norm(fitted.components_, axis=1)
    assert lengths[rank - 1] > 1 > 0.05 > lengths[rank]
    assert_allclose(fitted.noise_variance_, 0.09, rtol=0.1)
    assert float(np.max(subspace_angles(fitted.components_[:rank].T, np.linalg.svd(X - X.mean(0))[2][:rank].T))) < 0.01


def test_as_many_components_as_columns_is_one_fewer_and_more_is_refused() -> None:
    X = rows()
    assert PPCA(6).fit(X).n_components_ == PPCA(None).fit(X).n_components_ == 5
    assert_allclose(PPCA(6).fit(X).get_covariance(), np.cov(X.T, ddof=0), rtol=1e-8)
    for wrong in (7, 0):
        with pytest.raises(LatentiaError, match=f"n_components is {wrong} for 6 features"):
            PPCA(wrong).fit(X)
    with pytest.raises(TypeError, match="n_components"):
        PPCA(0.5).fit(X)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("estimator", [FactorAnalysis(2, max_iter=1), BayesianPCA(2, max_iter=1)])
def test_too_few_steps_are_said(estimator: FactorAnalysis) -> None:
    with pytest.warns(ConvergenceWarning, match="max_iter=1"):
        estimator.fit(rows())


@of_each
def test_the_run_is_the_same_model_and_needs_no_pickle(estimator: PPCA, tmp_path: Path) -> None:
    X = rows()
    fitted = estimator.fit(X)
    run = latentia.load(fitted.run_.save(tmp_path / "run"))
    shift, scale = fitted._units
    assert_allclose(run.encode((X - shift) / scale).numpy(), fitted.transform(X), rtol=1e-3, atol=1e-4)
    assert "shift" in run.notes[0]


def test_degenerate_rows_have_finite_answers() -> None:
    for X in (
        np.ones((4, 3)),
        np.arange(12.0).reshape(4, 3),
        np.eye(3),
        np.array([[1e300, 1], [0, 0], [1, 2]])[:, :2] * 1e-150,
    ):
        for estimator in (PPCA(1), BayesianPCA(1), FactorAnalysis(1, tol=1e-3)):
            fitted = estimator.fit(X)
            assert np.isfinite(fitted.transform(X)).all()
            assert np.isfinite(fitted.score_samples(X)).all()


def test_the_global_random_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    FactorAnalysis(2).fit(rows()).sample(3)
    BayesianPCA(2).fit(rows())
    assert torch.equal(torch.get_rng_state(), before)
