"""Bayesian PCA as a scikit-learn estimator: it finds the number of latents itself (Bishop 1999)."""

from numbers import Integral, Real
from warnings import warn

import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_scalar

from latentia.learners import CoordinateAscent
from latentia.models import PPCA as PPCAModel  # noqa: N811  its estimator has the same name
from latentia.models import BayesianPCA as Model
from latentia.sklearn.linear import LEAST_NOISE, LinearEstimator
from latentia.sklearn.rows import batches
from latentia.sklearn.units import Array, Units, centered_units


class BayesianPCA(LinearEstimator):
    """PCA with a prior on each component's weights by which those that nothing calls for are switched off.

    Fitted by coordinate ascent on a bound of log p(all rows). Afterwards it stands at the mean of what it learned of the
    weights, the mean and the noise: latents, densities and new rows are those of PPCA there.

    Args:
        n_components: the most latents there may be; None for n_features - 1.
        tol: the fit ends once a sweep gains less than this, nats a row. A latent may take hundreds of sweeps to switch off.
        max_iter: sweeps at most; a ``ConvergenceWarning`` says when they were too few.

    Attributes (after ``fit``): those of ``LinearEstimator``, and
        n_kept_: how many components the rows call for; they come first.
        noise_variance_: what is left beside the components, a number.
    """

    def __init__(self, n_components: int | None = None, tol: float = 1e-6, max_iter: int = 1000) -> None:
        self.n_components = n_components
        self.tol = tol
        self.max_iter = max_iter

    def _check_parameters(self) -> None:
        check_scalar(self.tol, "tol", Real, min_val=0)
        check_scalar(self.max_iter, "max_iter", Integral, min_val=1)

    def _units_of(self, rows: Array) -> Units:
        return centered_units(rows)

    def _fit(self, x: torch.Tensor, n_latents: int) -> tuple[PPCAModel, list[float]]:
        model = Model(n_latents, x.shape[1]).double()
        model.start_at(x)
        (batch,) = batches(x.numpy(), len(x))
        ascent = CoordinateAscent(model).ascend(batch, self.tol, self.max_iter)
        if not ascent.converged:
            warn(
                f"Bayesian PCA still gained after max_iter={self.max_iter} sweeps; raise max_iter, or tol={self.tol:g}.",
                ConvergenceWarning,
                stacklevel=4,
            )
        self.n_kept_ = int(model.kept.sum())
        at_means = model.at_means()
        with torch.no_grad():
            at_means.log_sigma.clamp_min_(torch.tensor(LEAST_NOISE, dtype=torch.float64).log() / 2)
        return at_means, list(ascent.bounds)

    @property
    def noise_variance_(self) -> float:
        """Variance of each value beside the components."""
        return float(self._noise()[0])
