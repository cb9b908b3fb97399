"""Sums over weighted draws that come in chunks, kept in units of the largest weight so far."""

import math

import torch
from torch import Tensor


class Weighing:
    """Self-normalized importance sampling, a row at a time: Owen (2013), Monte Carlo theory, methods and examples, ch. 9.

    Args:
        rows: B.
        device: where the sums are kept, in float64.
    """

    def __init__(self, rows: int, device: torch.device) -> None:
        self._highest = torch.full((rows,), -math.inf, dtype=torch.float64, device=device)
        self._total, self._squares = (torch.zeros_like(self._highest) for _ in range(2))
        self._sums: dict[str, Tensor] = {}

    def add(self, log_weights: Tensor) -> Tensor:
        """Take in log-weights (K, B); -> the weights (K, B) to hand to ``sum``, which must follow before the next ones."""
        w = log_weights.double()
        top = torch.maximum(self._highest, w.amax(0))
        # Two infinities differ by NaN: nothing was possible before, and nothing is now.
        shrink = (self._highest - top).nan_to_num(nan=-math.inf).exp()
        v = (w - torch.where(top > -math.inf, top, 0.0)).exp()
        self._highest = top
        self._total = self._total * shrink + v.sum(0)
        self._squares = self._squares * shrink**2 + v.square().sum(0)
        for name, total in self._sums.items():
            self._sums[name] = total * shrink.reshape(-1, *(1,) * (total.ndim - 1))
        return v

    def sum(self, name: str, v: Tensor, values: Tensor) -> None:
        """Add up v (K, B) times values (K, B, n) by name; a value that no weight counts may be infinite."""
        found = torch.where(v.unsqueeze(-1) > 0, v.unsqueeze(-1) * values.double(), 0.0).sum(0)
        self._sums[name] = self._sums[name] + found if name in self._sums else found

    def mean(self, name: str) -> Tensor:
        """(B, n) the weighted mean; NaN in rows where no draw is possible."""
        return self._sums[name] / self._total.unsqueeze(-1)

    @property
    def log_total(self) -> Tensor:
        """(B,) log of the sum of the weights."""
        return self._highest + self._total.log()

    @property
    def effective(self) -> Tensor:
        """(B,) the effective number of draws, 0 where none is possible."""
        return torch.where(self._total > 0, self._total**2 / self._squares, 0.0)
