"""What stands in cells that were not seen, given those that were: self-normalized importance weighting.

Mattei & Frellsen (2019), MIWAE: Deep Generative Modelling and Imputation of Incomplete Data Sets, section 3.
"""

from contextlib import nullcontext

import numpy as np
import torch
from torch import Tensor

from latentia.core import Batch
from latentia.core.random import CommonNoise
from latentia.distributions import observed_log_prob
from latentia.evaluation import DEFAULT_MEMORY, quiet
from latentia.gradients.base import plain_draws
from latentia.sklearn.rows import ALONE, Fitted, batches
from latentia.sklearn.units import Array

ROWS_AT_MOST = 500
FLOATS_A_VALUE, FLOATS_OF_HIDDEN = 8, 512


def expected(fitted: Fitted, x: Array, mask: Array, draws: int, seed: int) -> Array:
    """E[x | what was seen of it]: x (N, D), zero where mask (N, D) is False -> (N, D).

    The noise is the same for every row, so that a row's answer depends on that row alone.
    """
    with ALONE:
        parts = [_expected(fitted, batch, draws, seed) for batch in batches(x, _rows_at_once(x, draws), mask)]
    return torch.cat(parts).numpy()


def drawn(fitted: Fitted, x: Array, mask: Array, draws: int, n: int, seed: int) -> Array:
    """n draws from p(x | what was seen of it), by resampling ``draws`` weighted ones: (n, N, D)."""
    with ALONE, quiet(*fitted, seed=seed):
        parts = [_drawn(fitted, batch, draws, n) for batch in batches(x, _rows_at_once(x, draws), mask)]
    return torch.cat(parts, 1).numpy()


def _expected(fitted: Fitted, batch: Batch, draws: int, seed: int) -> Tensor:
    with quiet(*fitted, seed=seed):
        z, shares = _weighted(fitted, batch, draws, common=True)
        return torch.einsum("kb,kbd->bd", shares, fitted.model.likelihood(z).mean)


def _drawn(fitted: Fitted, batch: Batch, draws: int, n: int) -> Tensor:
    z, shares = _weighted(fitted, batch, draws, common=False)
    picked = torch.multinomial(shares.T, n, replacement=True).T  # (n, B)
    return fitted.model.likelihood(z[picked, torch.arange(len(batch.x))]).sample()


def _weighted(fitted: Fitted, batch: Batch, draws: int, common: bool) -> tuple[Tensor, Tensor]:
    """z (K, B, q) from q, and each draw's share of its row's weights (K, B)."""
    q = fitted.posterior.infer(fitted.model, batch)
    with CommonNoise(len(batch.x)) if common else nullcontext():
        z = plain_draws(q, draws)
    likelihood = observed_log_prob(fitted.model.likelihood(z), batch.x, batch.mask)
    weights = likelihood + fitted.model.log_prior(z, batch) - q.log_prob(z)
    return z, weights.softmax(0)


def _rows_at_once(x: Array, draws: int) -> int:
    row = 8 * draws * (FLOATS_A_VALUE * x.shape[1] + FLOATS_OF_HIDDEN)
    return int(np.clip(DEFAULT_MEMORY // row, 1, ROWS_AT_MOST))
