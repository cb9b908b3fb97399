"""scikit-learn's digits as grey levels in [0, 1]: 1,797 rows of 64 pixels, three of them always blank."""

import torch
from sklearn.datasets import load_digits
from torch import Tensor


def digits() -> Tensor:
    """(1797, 64) float64."""
    values, _ = load_digits(return_X_y=True)
    return torch.as_tensor(values, dtype=torch.float64) / 16
