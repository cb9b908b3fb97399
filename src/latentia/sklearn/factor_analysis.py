"""Factor analysis as a scikit-learn estimator, by expectation-maximization (Rubin & Thayer 1982)."""

from numbers import Integral, Real
from warnings import warn

import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_scalar

from latentia.learners import ExpectationMaximization
from latentia.models import PPCA as PPCAModel  # noqa: N811  its estimator has the same name
from latentia.models import FactorAnalysis as Model
from latentia.sklearn.linear import LEAST_NOISE, LinearEstimator
from latentia.sklearn.rows import batches
from latentia.sklearn.units import Array, Units, standard_units


class FactorAnalysis(LinearEstimator):
    """Factor analysis: a noise variance for each column. Whatever the columns' units, the fit is the same.

    It begins at the principal axes of the standardized columns and takes EM steps, each of which raises log p(x).

    Args:
        n_components: latents, from 1 to n_features; None for n_features - 1.
        tol: the fit ends once a step gains less than this, nats a row.
        max_iter: steps at most; a ``ConvergenceWarning`` says when they were too few.

    Attributes (after ``fit``): those of ``LinearEstimator``, and
        noise_variance_: (n_features,) what is left of each column.
    """

    def __init__(self, n_components: int | None = 2, tol: float = 1e-6, max_iter: int = 1000) -> None:
        self.n_components = n_components
        self.tol = tol
        self.max_iter = max_iter

    def _check_parameters(self) -> None:
        check_scalar(self.tol, "tol", Real, min_val=0)
        check_scalar(self.max_iter, "max_iter", Integral, min_val=1)

    def _units_of(self, rows: Array) -> Units:
        return standard_units(rows)

    def _fit(self, x: torch.Tensor, n_latents: int) -> tuple[Model, list[float]]:
        model = Model(n_latents, x.shape[1], variance_floor=LEAST_NOISE).double()
        axes = PPCAModel.maximum_likelihood(x, n_latents)
        with torch.no_grad():
            model.weight.copy_(axes.weight)
            model.mean.copy_(axes.mean)
            left = x.var(0, correction=0) - axes.weight.square().sum(1)
            # A start at no noise at all is one that EM does not come back from.
            model.log_sigma.copy_(left.clamp_min(1e-2).log() / 2)
        learner = ExpectationMaximization(model)
        (batch,) = batches(x.numpy(), len(x))
        bounds: list[float] = []
        for _ in range(self.max_iter):
            bounds.append(float(learner.step(batch)["bound"]))
            if len(bounds) > 1 and bounds[-1] - bounds[-2] < self.tol:
                break
        else:
            warn(
                f"factor analysis still gained after max_iter={self.max_iter} steps; raise max_iter, or tol={self.tol:g}.",
                ConvergenceWarning,
                stacklevel=4,
            )
        return model, bounds

    @property
    def noise_variance_(self) -> Array:
        """Noise variances: (n_features,)."""
        return self._noise()
