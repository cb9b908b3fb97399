"""What every estimator of latents shares: from rows to latents and back, densities, new rows."""

from abc import abstractmethod
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array, check_random_state, check_scalar
from sklearn.utils.validation import check_is_fitted, validate_data

from latentia.core.errors import ShapeError
from latentia.sklearn.rows import Fitted
from latentia.sklearn.units import Array, Units

FLOATS: Any = (np.float64, np.float32)  # scikit-learn's annotations know one type only
LARGEST_SEED = 2**31 - 1


class LatentEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Rows to latents: ``fit`` is the subclass's, and leaves ``_units`` and what ``_fitted`` needs.

    Answers come in the precision of the rows: float32 for float32, float64 for everything else.
    """

    _units: Units
    _seed: int = 0
    _draws: int = 1
    random_state: Any = None

    @abstractmethod
    def _fitted(self) -> Fitted:
        """Model and posterior in float64."""

    def transform(self, X: Any) -> Any:  # noqa: N803  scikit-learn's name
        """Posterior means of the latents, nothing drawn: (n_samples, n_features) -> (n_samples, n_components)."""
        rows = self._rows(X)
        return self._fitted().encode(self._units.inward(rows.astype(np.float64))).astype(rows.dtype, copy=False)

    def inverse_transform(self, X: Any) -> Any:  # noqa: N803
        """What is expected of rows with these latents: (n_samples, n_components) -> (n_samples, n_features).

        Raises:
            ShapeError: another number of columns than there are latents.
        """
        check_is_fitted(self)
        z = check_array(X, dtype=FLOATS)
        if z.shape[1] != self._n_features_out:
            raise ShapeError(
                f"X has {z.shape[1]} columns, {type(self).__name__} has {self._n_features_out} latents; "
                "give one column a latent, as transform returns them."
            )
        return self._units.outward(self._fitted().decode(z.astype(np.float64))).astype(z.dtype, copy=False)

    def score_samples(self, X: Any) -> Array:  # noqa: N803
        """log p(x) of each row in nats and in units of X, as a density; (n_samples,)."""
        rows = self._rows(X)
        x = self._units.inward(rows.astype(np.float64))
        return self._fitted().log_px(x, self._draws, self._seed) + self._units.log_slopes.sum()

    def score(self, X: Any, y: Any = None) -> float:  # noqa: N803
        """Mean log p(x), nats a row; higher is better, also for a search over parameters."""
        return float(self.score_samples(X).mean())

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Array:
        """New rows from the model: (n_samples, n_features).

        Args:
            n_samples: how many.
            random_state: of the draws; None for the estimator's own.
        """
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        seed = seed_of(self.random_state if random_state is None else random_state)
        return self._units.outward(self._fitted().draw(n_samples, seed))

    @property
    @abstractmethod
    def _n_features_out(self) -> int:
        """Latents; scikit-learn names them by it."""

    def _rows(self, X: Any, reset: bool = False) -> Any:  # noqa: N803
        """X checked as scikit-learn does; remembered as what was fitted on where ``reset``."""
        return checked(self, X, reset)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def checked(estimator: BaseEstimator, X: Any, reset: bool, **options: Any) -> Any:  # noqa: N803
    """X as scikit-learn checks it: (n_samples, n_features) floats; what was fitted on is remembered where ``reset``."""
    if not reset:
        check_is_fitted(estimator)
    try:
        return validate_data(estimator, X, dtype=FLOATS, reset=reset, ensure_min_samples=2 if reset else 1, **options)
    except ValueError as error:
        if "could not convert string" not in str(error):
            raise
        raise ValueError(
            f"{error}; {type(estimator).__name__} takes numbers alone: encode categories before it, or fit the table with "
            "latentia.fit_recipe({}, data=table), which gives each column a likelihood of its own."
        ) from None


def seed_of(random_state: Any) -> int:
    """A seed for torch from what scikit-learn takes: None, a number, a ``RandomState``."""
    return int(check_random_state(random_state).randint(LARGEST_SEED))
