"""A fitted model asked about rows, in float64 and so that the answer for a row depends on that row alone.

Estimators promise that rows may come in any order and number. Draws are therefore the same for every row (``CommonNoise``),
and the arithmetic is wide enough that the shape of a batch does not show.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from latentia.core import Batch
from latentia.core.random import CommonNoise
from latentia.distributions import point
from latentia.evaluation import impute, quiet, score
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior
from latentia.sklearn.units import Array
from latentia.weights import log_weights

ROWS_AT_ONCE = 1000
# Bytes: all draws in one chunk, since how many go together must not hang on who else is asked about.
NO_LIMIT = 2**60
# Alive at once, 128 MiB; and of one draw of one row: a handful for each value of x, and a hidden layer or two.
FLOATS_AT_ONCE, FLOATS_A_VALUE, FLOATS_OF_HIDDEN = 2**24, 8, 256
# Torch has one random state a process, so that two threads that fit would draw from each other's.
ALONE = threading.RLock()


class Fitted(NamedTuple):
    """p and q in float64, on the CPU."""

    model: GenerativeModel
    posterior: Posterior

    def encode(self, x: Array) -> Array:
        """Posterior means: (N, D) -> (N, q)."""
        with ALONE, quiet(*self, seed=0):
            return _joined(self.posterior.infer(self.model, batch).mean for batch in batches(x, ROWS_AT_ONCE))

    def decode(self, z: Array) -> Array:
        """The likelihood's mean: (N, q) -> (N, D)."""
        with ALONE, quiet(*self, seed=0):
            parts = torch.from_numpy(z).split(ROWS_AT_ONCE)
            return _joined(point(self.model.likelihood(part.unsqueeze(0))).squeeze(0) for part in parts)

    def draw(self, n: int, seed: int) -> Array:
        """New rows: (n, D)."""
        with ALONE, quiet(*self, seed=seed):
            return self.model.sample(n).numpy()

    def log_px(self, x: Array, draws: int, seed: int) -> Array:
        """log p(x): (N, D) -> (N,) nats, in closed form where there is one, else the log of the mean of K weights."""
        exact = getattr(self.model, "log_marginal", None)
        if exact is not None:
            with torch.no_grad():
                return _joined(exact(batch.x) for batch in batches(x, ROWS_AT_ONCE))
        with ALONE:
            return _joined(self._with_common_noise(score, batch, draws, seed).log_px for batch in self._batches(x, draws))

    def bound(self, x: Array, draws: int, seed: int) -> Array:
        """The ELBO, by the mean of K log-weights: (N, D) -> (N,) nats."""
        return self._mean(x, draws, seed, lambda batch, q, z: log_weights(self.model, q, batch, z))

    def column_bounds(self, x: Array, draws: int, seed: int) -> Array:
        """Each value's part of the ELBO before the KL is taken off, E_q log p(x_d | z): (N, D) -> (N, D) nats.

        The likelihood's values must be independent given z.
        """
        return self._mean(x, draws, seed, lambda batch, _, z: _each(self.model.likelihood(z)).log_prob(batch.x))

    def _mean(self, x: Array, draws: int, seed: int, of: Callable[[Batch, Distribution, Tensor], Tensor]) -> Array:
        """The mean over K draws of what ``of`` says of them, (K, B, ...) -> (N, ...)."""
        with ALONE:
            return _joined(self._batch_mean(batch, draws, seed, of) for batch in self._batches(x, draws))

    def _batch_mean(self, batch: Batch, draws: int, seed: int, of: Callable[..., Tensor]) -> Tensor:
        with CommonNoise(len(batch.x)), quiet(*self, seed):
            q = self.posterior.infer(self.model, batch)
            return of(batch, q, q.sample((draws,))).mean(0)

    def filled(self, x: Array, seen: Array, draws: int, seed: int) -> Array:
        """Rows with E[x | what was seen] where nothing was: x (N, D), seen (N, D) True where observed -> (N, D)."""
        with ALONE:
            return _joined(
                self._with_common_noise(impute, batch, draws, seed).mean for batch in self._batches(x, draws, seen)
            )

    def completed(self, x: Array, seen: Array, draws: int, times: int, seed: int) -> Array:
        """Rows whose holes are filled by draws given what was seen, as ``filled``: -> (times, N, D)."""
        with ALONE:
            parts = [
                impute(*self, batch, draws, times, seed + i).draws for i, batch in enumerate(self._batches(x, draws, seen))
            ]
        return torch.cat(parts, 1).numpy()

    def _with_common_noise(self, ask: Callable[..., Any], batch: Batch, draws: int, seed: int) -> Any:
        """What ``ask`` says of a batch, with the same draws for each row and in one chunk, whatever the number of rows."""
        with CommonNoise(len(batch.x)):
            return ask(*self, batch, draws, seed=seed, memory=NO_LIMIT)

    def _batches(self, x: Array, draws: int, seen: Array | None = None) -> Iterator[Batch]:
        """Batches of which all draws fit into memory at once."""
        a_row = draws * (FLOATS_A_VALUE * x.shape[1] + FLOATS_OF_HIDDEN)
        return batches(x, min(ROWS_AT_ONCE, max(1, FLOATS_AT_ONCE // a_row)), seen)


def batches(x: Array, size: int, mask: Array | None = None) -> Iterator[Batch]:
    """Rows (N, D) as float64 batches; mask (N, D) True where observed, and x is zero elsewhere."""
    values = torch.from_numpy(np.ascontiguousarray(x, dtype=np.float64))
    seen = None if mask is None else torch.from_numpy(np.ascontiguousarray(mask))
    for rows in torch.arange(len(values)).split(size):
        yield Batch(values[rows], rows, len(values), mask=None if seen is None else seen[rows])


def _joined(parts: Iterator[Tensor]) -> Array:
    return torch.cat(list(parts)).numpy()


def _each(likelihood: Distribution) -> Distribution:
    return likelihood.base_dist if isinstance(likelihood, Independent) else likelihood
