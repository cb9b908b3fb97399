"""A variational autoencoder as a scikit-learn estimator (Kingma & Welling 2014)."""

from collections.abc import Sequence
from copy import deepcopy
from numbers import Integral
from typing import Any
from warnings import warn

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_scalar

from latentia.runs import Run
from latentia.sklearn.base import LatentEstimator, seed_of
from latentia.sklearn.rows import Fitted
from latentia.sklearn.training import Plan
from latentia.sklearn.units import own_units, standard_units


class VAE(LatentEstimator):
    """A variational autoencoder for the rows of a table.

    Args:
        n_components: latents.
        hidden: widths of the encoder's hidden layers; the decoder has them in reverse. Empty makes both linear.
        activation: between layers: "silu", "relu", "tanh", ...
        likelihood: "normal" or "laplace" of real values, "bernoulli" of bits, "continuous-bernoulli" of values in [0, 1].
        scale: of "normal" and "laplace": "learned" (one for all values), "per-value" (the decoder says it), or a number.
        standardize: bring columns of real values to mean 0 and spread 1 first; has no effect on values in [0, 1].
        epochs: passes over the rows; "auto" for about 2,000 steps.
        batch_size: rows a step.
        learning_rate: Adam's at the first step; it falls to 0 along a cosine.
        beta: what the KL counts for in training; 1 is the ELBO.
        validation_fraction: rows held out to choose the best epoch; none where that makes fewer than 10.
        patience: end after this many epochs without a better bound; None never. A ``ConvergenceWarning`` says when the last
            epoch came first.
        score_draws: draws a row for ``score_samples``, which falls short of log p(x) the less the more there are.
        random_state: of everything random; a number makes a fit the same each time on one machine.
        device: "cpu", "cuda", ..., or "auto"; where to fit. Afterwards everything is on the CPU.
        verbose: above 0 shows the fit.

    Attributes (after ``fit``):
        run_: the Latentia run, in units of (X - shift) / scale, which a note of it names; ``run_.save(folder)`` needs no
            pickle.
        n_iter_: epochs taken.
        n_features_in_, feature_names_in_: what was fitted on.

    >>> from sklearn.datasets import load_iris
    >>> X = load_iris().data
    >>> VAE(n_components=2, epochs=5, random_state=0).fit_transform(X).shape
    (150, 2)
    """

    def __init__(
        self,
        n_components: int = 2,
        *,
        hidden: Sequence[int] = (64, 64),
        activation: str = "silu",
        likelihood: str = "normal",
        scale: float | str = "learned",
        standardize: bool = True,
        epochs: int | str = "auto",
        batch_size: int = 64,
        learning_rate: float = 3e-3,
        beta: float = 1.0,
        validation_fraction: float = 0.1,
        patience: int | None = None,
        score_draws: int = 100,
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
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.beta = beta
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.score_draws = score_draws
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> "VAE":  # noqa: N803  scikit-learn's name
        """Fit to rows X (n_samples, n_features) without NaN; y is ignored.

        Raises:
            LatentiaError: values that the likelihood does not hold, or a parameter that cannot be.
        """
        rows = self._rows(X, reset=True).astype(np.float64)
        plan = self._plan()
        plan.check()
        check_scalar(self.score_draws, "score_draws", Integral, min_val=1)
        self._units = standard_units(rows) if self.standardize and plan.real else own_units(rows.shape[1])
        self._seed, self._draws, self._latents = seed_of(self.random_state), int(self.score_draws), int(self.n_components)
        self.run_: Run = plan.fit(self._units.inward(rows), self._units, self._seed)
        self.n_iter_ = len(self.run_.history.rows)
        if self.patience is not None and self.run_.history.ended == "done":
            warn(
                f"the bound was still rising when the {self.n_iter_} epochs were over; raise epochs, or patience to None.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _plan(self) -> Plan:
        return Plan(**{name: getattr(self, name) for name in Plan._fields})

    def _fitted(self) -> Fitted:
        return Fitted(deepcopy(self.run_.model).double(), deepcopy(self.run_.posterior).double())

    @property
    def _n_features_out(self) -> int:
        return self._latents
