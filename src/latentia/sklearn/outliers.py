"""Outliers as rows that a few small autoencoders cannot account for, as a scikit-learn estimator.

The score is that of An & Cho (2015), Variational Autoencoder based Anomaly Detection using Reconstruction Probability, with
the latents' KL taken off, so that a row also pays for latents that no other row has; averaged over an ensemble.
"""

import math
from collections.abc import Sequence
from copy import deepcopy
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import check_scalar

from latentia.runs import Run
from latentia.sklearn.base import checked, seed_of
from latentia.sklearn.rows import Fitted
from latentia.sklearn.training import Plan
from latentia.sklearn.units import Array, own_units, standard_units


class VAEOutlierDetector(OutlierMixin, BaseEstimator):
    """Rows are the more abnormal the fewer nats of log p(x) some small, briefly trained autoencoders find for them.

    Brief, so that what most rows have in common is learned and what a few have is not; heavy-tailed, so that the rows looked
    for do not make the fit; with a scale of its own for each value, so that a column that is nearly determined by the others
    counts when it deviates; several, since one depends on its start. All of it is one recipe, chosen on eight sets of
    ADBench, see docs/anomalies.md.

    Args:
        n_components: latents of each autoencoder.
        hidden: widths of the encoder's hidden layers; the decoder has them in reverse.
        activation: between layers; see ``VAE``.
        likelihood: "laplace" or "normal"; "bernoulli" for bits.
        scale: "per-value", "learned" or a number; see ``VAE``.
        standardize: bring columns to mean 0 and spread 1 first.
        members: how many autoencoders.
        steps: of each. Where ``steps * batch_size`` is less than there are rows, each learns from as many, drawn at random.
        batch_size: rows a step.
        learning_rate: Adam's at the first step; it falls to 0 along a cosine.
        beta: what the KL counts for in training; the score takes it whole.
        score_draws: draws a row and member for a score.
        contamination: the share of the rows fitted on that ``predict`` calls outliers, above 0 and at most 0.5.
        random_state: of everything random.
        device: where to fit; see ``VAE``.
        verbose: above 0 shows the fits.

    Attributes (after ``fit``):
        offset_: the score below which a row is an outlier.
        runs_: the members' Latentia runs, in units of (X - shift) / scale, which a note of each names.
        n_features_in_, feature_names_in_: what was fitted on.

    >>> X = np.r_[np.random.default_rng(0).normal(size=(99, 2)), [[9.0, -9.0]]]
    >>> detector = VAEOutlierDetector(contamination=0.01, members=2, random_state=0).fit(X)
    >>> np.flatnonzero(detector.predict(X) == -1)
    array([99])
    """

    def __init__(
        self,
        n_components: int = 10,
        *,
        hidden: Sequence[int] = (64, 32),
        activation: str = "tanh",
        likelihood: str = "laplace",
        scale: float | str = "per-value",
        standardize: bool = True,
        members: int = 4,
        steps: int = 150,
        batch_size: int = 128,
        learning_rate: float = 3e-3,
        beta: float = 1.0,
        score_draws: int = 16,
        contamination: float = 0.1,
        random_state: Any = None,
        device: str = "cpu",
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.hidden = hidden
        self.activation = activation
        self.likelihood = likelihood
        self.scale = scale
        self.standardize = standardize
        self.members = members
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.beta = beta
        self.score_draws = score_draws
        self.contamination = contamination
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> "VAEOutlierDetector":  # noqa: N803  scikit-learn's name
        """Fit to rows X (n_samples, n_features), outliers among them; y is ignored."""
        rows = checked(self, X, reset=True).astype(np.float64)
        check_scalar(self.members, "members", Integral, min_val=1)
        check_scalar(self.steps, "steps", Integral, min_val=1)
        check_scalar(self.score_draws, "score_draws", Integral, min_val=1)
        check_scalar(self.contamination, "contamination", Real, min_val=0, max_val=0.5, include_boundaries="right")
        plan = self._plan(len(rows))
        plan.check()
        self._units = standard_units(rows) if self.standardize and plan.real else own_units(rows.shape[1])
        self._seed, self._draws = seed_of(self.random_state), int(self.score_draws)
        x, order = self._units.inward(rows), np.random.default_rng(self._seed)
        self.runs_: list[Run] = []
        for seed in range(self._seed, self._seed + self.members):
            some = order.permutation(len(x))[: self.steps * self.batch_size]
            self.runs_.append(plan.fit(x[some], self._units, seed))
        self.offset_ = float(np.percentile(self._score(x), 100 * self.contamination))
        return self

    def score_samples(self, X: Any) -> Array:  # noqa: N803
        """The members' mean bound on log p(x), nats a row and in units of X: the lower, the more abnormal; (n_samples,)."""
        return self._score(self._inward(X))

    def decision_function(self, X: Any) -> Array:  # noqa: N803
        """``score_samples`` less ``offset_``: below 0 for outliers; (n_samples,)."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> Any:  # noqa: N803
        """-1 for outliers, 1 for the others; (n_samples,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def column_scores(self, X: Any) -> Array:  # noqa: N803
        """Each column's part of the score, so that a row's lowest ones say what is odd about it: (n_samples, n_features).

        A part is E log p(x_d | z) in nats and in units of X; their sum less the latents' KL is ``score_samples``. Columns
        differ in what is usual for them: take the median over the rows fitted on as the mark.
        """
        x = self._inward(X)
        parts = [fitted.column_bounds(x, self._draws, self._seed) for fitted in self._fitted()]
        return np.mean(parts, axis=0) + self._units.log_slopes

    def _score(self, x: Array) -> Array:
        bounds = [fitted.bound(x, self._draws, self._seed) for fitted in self._fitted()]
        return np.mean(bounds, axis=0) + self._units.log_slopes.sum()

    def _inward(self, X: Any) -> Array:  # noqa: N803
        rows = checked(self, X, reset=False)
        return self._units.inward(rows.astype(np.float64))

    def _fitted(self) -> list[Fitted]:
        return [Fitted(deepcopy(run.model).double(), deepcopy(run.posterior).double()) for run in self.runs_]

    def _plan(self, n_rows: int) -> Plan:
        seen = min(n_rows, self.steps * self.batch_size)
        epochs = max(1, round(self.steps / math.ceil(seen / self.batch_size)))
        own = {name: getattr(self, name) for name in Plan._fields if hasattr(self, name)}
        return Plan(**own, epochs=epochs, validation_fraction=0.0, patience=None)
