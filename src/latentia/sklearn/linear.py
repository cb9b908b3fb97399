"""Linear models of continuous rows, fitted to their maximum: what ``PPCA``, ``FactorAnalysis`` and ``BayesianPCA`` share."""

from abc import abstractmethod
from copy import deepcopy
from numbers import Integral
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from latentia.core.errors import RecipeError, ShapeError
from latentia.core.random import seeded
from latentia.models import PPCA as PPCAModel  # noqa: N811  its estimator has the same name
from latentia.models import FactorAnalysis as FactorModel
from latentia.posteriors import Exact
from latentia.recipe import Recipe, describe_model, parse_recipe
from latentia.runs import Run
from latentia.runs.environment import environment
from latentia.sklearn.base import LatentEstimator
from latentia.sklearn.rows import ALONE, Fitted
from latentia.sklearn.units import Array, Units
from latentia.training import History

# A noise variance below this share of the data's variance is a fit to rounding: no float32 run could hold it.
LEAST_NOISE = 1e-6


class LinearEstimator(LatentEstimator):
    """z ~ N(0, I), x | z ~ N(W z + mean, noise); a subclass finds W and the noise in ``_fit``.

    Attributes (after ``fit``):
        components_: (n_components_, n_features) W', by which latents make rows, the longest first.
        mean_: (n_features,).
        n_components_: latents in use: at most n_features - 1, which already reaches every covariance.
        n_iter_: steps taken.
        n_features_in_, feature_names_in_: what was fitted on.
    """

    n_components: int | None
    _model: PPCAModel | FactorModel
    _bounds: list[float]

    def fit(self, X: Any, y: Any = None) -> Any:  # noqa: N803  scikit-learn's name
        """Fit to rows X (n_samples, n_features) without NaN; y is ignored."""
        rows = self._rows(X, reset=True).astype(np.float64)
        n_latents = self._n_latents(rows.shape[1])
        self._check_parameters()
        self._units = self._units_of(rows)
        x = torch.from_numpy(self._units.inward(rows))
        # A model is made with random weights, which the fit then replaces; the caller's random state stays as it was.
        with ALONE, seeded(0):
            self._model, self._bounds = self._fit(x, n_latents)
        arrange(self._model)
        self.components_ = self._model.weight.detach().numpy().T * self._units.scale
        self.mean_ = self._units.outward(self._model.mean.detach().numpy())
        self.n_components_, self.n_iter_ = n_latents, len(self._bounds)
        return self

    @abstractmethod
    def _units_of(self, rows: Array) -> Units:
        """The units in which the model is fitted; the answer must not depend on them."""

    @abstractmethod
    def _fit(self, x: torch.Tensor, n_latents: int) -> tuple[PPCAModel | FactorModel, list[float]]:
        """The model at its maximum for x (N, D) float64, and log p(x) or its bound after each step, nats a row."""

    @abstractmethod
    def _check_parameters(self) -> None:
        """Refuse parameters that cannot be."""

    def get_covariance(self) -> Array:
        """The covariance of rows under the model: (n_features, n_features)."""
        check_is_fitted(self)
        return self.components_.T @ self.components_ + np.diag(self._noise())

    @property
    def run_(self) -> Run:
        """A run with this model, in units of (X - shift) / scale, which its first note names; ``save`` needs no pickle."""
        check_is_fitted(self)
        model = deepcopy(self._model).float()
        rows = [{"epoch": i, "step": i, "train_bound": bound} for i, bound in enumerate(self._bounds, 1)]
        history = History(rows=rows, best_epoch=len(rows))
        return Run(model, Exact(), self._recipe(model), history, environment(0, "cpu"), notes=[note_of(self._units)])

    def _recipe(self, model: PPCAModel | FactorModel) -> Recipe | RecipeError:
        """What would build the model again."""
        values = {
            "name": type(self).__name__,
            "data": {"name": "rows"},
            "x_shape": tuple(model.x_shape),
            "latents": model.n_latents,
            "model": describe_model(model),
            "posterior": "exact",
            "learner": "em",
        }
        return parse_recipe(values, "this estimator")

    def _fitted(self) -> Fitted:
        return Fitted(self._model, Exact())

    def _noise(self) -> Array:
        """(n_features,) noise variances in own units."""
        sigma = self._model.log_sigma.detach().exp().numpy()
        return np.square(sigma * self._units.scale)

    def _n_latents(self, n_features: int) -> int:
        wanted = n_features - 1 if self.n_components is None else self.n_components
        if isinstance(wanted, bool) or not isinstance(wanted, Integral):
            raise TypeError(f"n_components is {wanted!r}, wanted a whole number.")
        if not 0 < wanted <= n_features:
            raise ShapeError(f"n_components is {wanted} for {n_features} features; use 1 to {n_features - 1}.")
        return min(int(wanted), n_features - 1)

    def _rows(self, X: Any, reset: bool = False) -> Any:  # noqa: N803
        rows = super()._rows(X, reset)
        if reset and rows.shape[1] < 2:
            raise ShapeError(
                f"X has 1 feature(s), {type(self).__name__} needs at least 2; with one there is nothing to share."
            )
        return rows

    @property
    def _n_features_out(self) -> int:
        return self.n_components_


def arrange(model: PPCAModel | FactorModel) -> None:
    """Latents by length of their weights, the longest first, each with its largest weight positive; p(x) stays as it is."""
    with torch.no_grad():
        weight = model.weight
        order = weight.square().sum(0).argsort(descending=True, stable=True)
        weight.copy_(weight[:, order])
        largest = weight.gather(0, weight.abs().argmax(0, keepdim=True))
        weight.mul_(torch.where(largest < 0, -1.0, 1.0))


def note_of(units: Units) -> str:
    """What a run says of the rows that it takes."""
    return (
        "rows are (X - shift) / scale, with shift "
        + ", ".join(f"{v:.8g}" for v in units.shift)
        + " and scale "
        + ", ".join(f"{v:.8g}" for v in units.scale)
    )
