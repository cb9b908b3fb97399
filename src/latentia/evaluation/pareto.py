"""Pareto-smoothed importance weights, and the shape of their tail, which says whether they can be trusted.

Vehtari et al. (2024), Pareto Smoothed Importance Sampling; as a check of a fitted posterior, Yao et al. (2018), Yes, but Did
It Work?: Evaluating Variational Inference.
"""

import math
import warnings

import numpy as np
import torch
from torch import Tensor

FEWEST_DRAWS_FOR_K_HAT = 100
GOOD_K_HAT, LARGEST_K_HAT = 0.5, 0.7
"""Below the first the draws can be used as they are, below the second after resampling, above neither."""
# Log-weights closer together than this differ by float32's rounding alone.
SPREAD_OF_ROUNDING = 1e-3
# A tail of fewer different values has no shape; those of one state of a discrete z differ by less than the second.
FEWEST_VALUES, SAME_VALUE = 5, 1e-4


def smoothed(w: Tensor) -> tuple[Tensor, float]:
    """Log-weights (K,) with their largest replaced by what a Pareto tail would give, normalized, and the tail's shape k.

    Weights that are all alike have no tail to speak of, nor do those of a few states of a discrete z: they stay, and k is
    NaN.
    """
    log_w = w.double() - torch.logsumexp(w.double(), 0)
    if float(w.double().std()) < SPREAD_OF_ROUNDING or _values_in_tail(log_w) < FEWEST_VALUES:
        return log_w, float("nan")
    from arviz_stats.base.array import array_stats  # a second to import, and only this needs it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns about each bad row; that is reported as a number instead
        # It wants what leave-one-out has at hand, the negative of a log-weight.
        log_w, k = array_stats.psislw(-w.double().cpu().numpy())
    return torch.as_tensor(log_w, device=w.device), float(k)


def _values_in_tail(log_w: Tensor) -> int:
    """How many different values there are among the weights that a Pareto would be fitted to (Vehtari et al., sec. 3.2)."""
    n = len(log_w)
    tail = log_w.topk(math.floor(3 * n**0.5 if n > 225 else n / 5)).values
    return len((tail / SAME_VALUE).round().unique())


def k_hats(w: Tensor) -> np.ndarray | None:
    """Pareto shapes of the importance weights (N, K), one a row; rows without a tail are left out, as under an exact q.

    None below ``FEWEST_DRAWS_FOR_K_HAT`` draws, or where no row has a tail.
    """
    if w.shape[1] < FEWEST_DRAWS_FOR_K_HAT:
        return None
    shapes = np.asarray([smoothed(row)[1] for row in w])
    shapes = shapes[~np.isnan(shapes)]
    return shapes if len(shapes) else None
