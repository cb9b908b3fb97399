"""Probabilistic PCA as a scikit-learn estimator (Tipping & Bishop 1999)."""

from typing import Any

import torch

from latentia.models import PPCA as Model  # noqa: N811  its estimator has the same name
from latentia.sklearn.linear import LEAST_NOISE, LinearEstimator
from latentia.sklearn.units import Array, Units, centered_units


class PPCA(LinearEstimator):
    """Probabilistic PCA, put at its maximum likelihood by one eigendecomposition.

    The axes are those of ``sklearn.decomposition.PCA``; here they are scaled as weights, so that latents have unit variance,
    and a row's latents are posterior means, which the noise draws towards 0. ``components_.T @ components_`` plus the noise
    is the covariance, with a divisor of N where scikit-learn takes N - 1.

    Args:
        n_components: latents, from 1 to n_features; None for n_features - 1.

    Attributes (after ``fit``): those of ``LinearEstimator``, and
        noise_variance_: what is left beside the components, a number.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(100, 5)) * [3, 2, 1, 1, 1]
    >>> PPCA(n_components=2).fit_transform(X).shape
    (100, 2)
    """

    def __init__(self, n_components: int | None = 2) -> None:
        self.n_components = n_components

    def _check_parameters(self) -> None:
        """There is but ``n_components``."""

    def _units_of(self, rows: Array) -> Units:
        return centered_units(rows)

    def _fit(self, x: torch.Tensor, n_latents: int) -> tuple[Model, list[float]]:
        model = Model.maximum_likelihood(x, n_latents)
        with torch.no_grad():
            model.log_sigma.clamp_min_(torch.tensor(LEAST_NOISE, dtype=torch.float64).log() / 2)
            return model, [float(model.log_marginal(x).mean())]

    @property
    def noise_variance_(self) -> float:
        """Variance of each value beside the components."""
        return float(self._noise()[0])

    def fit(self, X: Any, y: Any = None) -> "PPCA":  # noqa: N803
        """Fit to rows X (n_samples, n_features) without NaN; y is ignored."""
        return super().fit(X, y)
