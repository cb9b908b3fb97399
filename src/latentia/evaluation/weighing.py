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
        self._second: dict[str, Tensor] = {}  # sums of v^2 times values, and times their squares: (B, 2 n)

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
            self._sums[name] = total * shrink.unsqueeze(-1)
        for name, total in self._second.items():
            self._second[name] = total * shrink.unsqueeze(-1) ** 2
        return v

    def sum(self, name: str, v: Tensor, values: Tensor, errors: bool = False) -> None:
        """Add up v (K, B) times values (K, B, n) by name; a value that no weight counts may be infinite.

        With ``errors``, at every call for a name, what ``error`` needs is added up, too.
        """
        x = values.double()
        _add(self._sums, name, v, x)
        if errors:
            _add(self._second, name, v.square(), torch.cat([x, x.square()], -1))

    def mean(self, name: str) -> Tensor:
        """(B, n) the weighted mean; NaN in rows where no draw is possible."""
        return self._sums[name] / self._total.unsqueeze(-1)

    def error(self, name: str) -> Tensor:
        """(B, n) the standard error of ``mean`` by the delta method: ch. 9, eq. 9.13."""
        mean, (cross, moment) = self.mean(name), self._second[name].chunk(2, -1)
        spread = moment - 2 * mean * cross + mean**2 * self._squares.unsqueeze(-1)
        return spread.clamp_min(0).sqrt() / self._total.unsqueeze(-1)

    @property
    def log_total(self) -> Tensor:
        """(B,) log of the sum of the weights."""
        return self._highest + self._total.log()

    @property
    def effective(self) -> Tensor:
        """(B,) the effective number of draws, 0 where none is possible."""
        return torch.where(self._total > 0, self._total**2 / self._squares, 0.0)


def _add(sums: dict[str, Tensor], name: str, v: Tensor, values: Tensor) -> None:
    found = torch.where(v.unsqueeze(-1) > 0, v.unsqueeze(-1) * values, 0.0).sum(0)
    sums[name] = sums[name] + found if name in sums else found
