"""Missing cells filled by a variational autoencoder, as a scikit-learn estimator (Mattei & Frellsen 2019, MIWAE)."""

from collections.abc import Sequence
from copy import deepcopy
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.impute import MissingIndicator
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from latentia.core.errors import DataError
from latentia.runs import Run
from latentia.sklearn.base import checked, seed_of
from latentia.sklearn.rows import Fitted
from latentia.sklearn.training import Plan
from latentia.sklearn.units import Array, own_units, standard_units


class VAEImputer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Fill each missing cell with its mean given the row's other cells.

    The autoencoder is fitted to the cells that were seen, and its encoder is told which those were. Its draws of z are
    then weighted by how well they explain them, so that an encoder that is a little off costs draws and not truth. Cells
    that were seen are returned as they came. Columns are standardized by what was seen of them.

    Args:
        n_components, hidden, activation, likelihood, scale, standardize, epochs, batch_size, learning_rate, beta,
            validation_fraction, patience, random_state, device, verbose: as of ``VAE``.
        bound_draws: K of the importance-weighted bound that the fit raises, as in MIWAE; 1 for the ELBO.
        draws: weighted draws of z for each row, once it is fitted.
        missing_values: what stands in a missing cell: NaN, or a number.
        add_indicator: columns of 0 and 1 behind the others, for those that had missing cells in ``fit``.

    Attributes (after ``fit``):
        run_: the Latentia run; see ``VAE``.
        indicator_: scikit-learn's ``MissingIndicator``, or None.
        n_iter_: epochs taken.
        n_features_in_, feature_names_in_: what was fitted on.

    >>> X = np.array([[1.0, 2.0], [2.0, 4.1], [3.0, np.nan], [4.0, 7.9], [5.0, 10.2]])
    >>> np.isnan(VAEImputer(n_components=1, epochs=2, random_state=0).fit_transform(X)).any()
    np.False_
    """

    def __init__(
        self,
        n_components: int = 8,
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
        bound_draws: int = 20,
        draws: int = 300,
        missing_values: float = np.nan,
        add_indicator: bool = False,
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
        self.bound_draws = bound_draws
        self.draws = draws
        self.missing_values = missing_values
        self.add_indicator = add_indicator
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> "VAEImputer":  # noqa: N803  scikit-learn's name
        """Fit to rows X (n_samples, n_features), of which cells may be missing; y is ignored.

        Raises:
            DataError: a column without a single value.
        """
        rows, seen = self._rows(X, reset=True)
        plan = Plan(**{name: getattr(self, name) for name in Plan._fields})
        plan.check()
        check_scalar(self.draws, "draws", Integral, min_val=1)
        check_scalar(self.bound_draws, "bound_draws", Integral, min_val=1)
        empty = np.flatnonzero(~seen.any(axis=0))
        if len(empty):
            raise DataError(f"column {empty[0]} holds no value at all, so nothing can be learned of it; drop it first.")
        holed = np.where(seen, rows, np.nan)
        self._units = standard_units(holed) if self.standardize and plan.real else own_units(rows.shape[1])
        self._seed, self._missing_values, self._draws = seed_of(self.random_state), self.missing_values, int(self.draws)
        # A complete table would teach an encoder nothing of what a hole looks like.
        mask = None if seen.all() else seen
        x = np.where(seen, self._units.inward(rows), 0.0)
        self.run_: Run = plan.fit(x, self._units, self._seed, mask, int(self.bound_draws))
        self.n_iter_ = len(self.run_.history.rows)
        self.indicator_: Any = None
        if self.add_indicator:
            self.indicator_ = MissingIndicator(missing_values=self.missing_values, error_on_new=False)
            self.indicator_.fit(X)
        return self

    def transform(self, X: Any) -> Any:  # noqa: N803
        """X with its missing cells filled by their means given the others."""
        rows, seen = self._rows(X)
        out, holed = rows.copy(), ~seen.all(axis=1)
        if holed.any():
            x = np.where(seen, self._units.inward(rows.astype(np.float64)), 0.0)[holed]
            mean = self._units.outward(self._fitted().filled(x, seen[holed], self._draws, self._seed))
            out[holed] = np.where(seen[holed], rows[holed], mean)
        if self.indicator_ is not None:
            out = np.hstack([out, self.indicator_.transform(X).astype(out.dtype)])
        return out

    def draw_imputations(self, X: Any, n_imputations: int = 5, random_state: Any = None) -> Array:  # noqa: N803
        """X filled by draws, several times over, so that what is done with it may show how much the holes leave open.

        Args:
            X: (n_samples, n_features).
            n_imputations: how many.
            random_state: of the draws; None for the estimator's own.

        Returns:
            (n_imputations, n_samples, n_features).
        """
        rows, seen = self._rows(X)
        check_scalar(n_imputations, "n_imputations", Integral, min_val=1)
        seed = seed_of(self.random_state if random_state is None else random_state)
        x = np.where(seen, self._units.inward(rows.astype(np.float64)), 0.0)
        filled = self._units.outward(self._fitted().completed(x, seen, self._draws, n_imputations, seed))
        return np.where(seen, rows, filled).astype(rows.dtype, copy=False)

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """Names of the columns that ``transform`` returns: those of X, then the indicators'."""
        names: Any = super().get_feature_names_out(input_features)
        if self.indicator_ is None:
            return names
        return np.concatenate([names, self.indicator_.get_feature_names_out(input_features)])

    def _rows(self, X: Any, reset: bool = False) -> tuple[Any, Any]:  # noqa: N803
        """X checked, with 0 where nothing was seen; and where something was, both (N, D)."""
        if not reset:
            check_is_fitted(self)
        wanted = self.missing_values if reset else self._missing_values
        is_nan = isinstance(wanted, float) and np.isnan(wanted)
        rows = checked(self, X, reset, ensure_all_finite="allow-nan" if is_nan else True)
        seen = ~np.isnan(rows) if is_nan else rows != wanted
        return np.where(seen, rows, rows.dtype.type(0)), seen

    def _fitted(self) -> Fitted:
        return Fitted(deepcopy(self.run_.model).double(), deepcopy(self.run_.posterior).double())

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = isinstance(self.missing_values, float) and bool(np.isnan(self.missing_values))
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
