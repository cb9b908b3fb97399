"""Masses of counts without differences of large log-gammas: Stirling's error and deviances.

Loader (2000), Fast and accurate computation of binomial probabilities. A log mass is a few errors of Stirling's formula,
which are small, less a few deviances x log(x / m) - (x - m), which are not negative; float32 keeps its digits in both.
"""

import math

import torch
from torch import Tensor

# Where a series hands over to the formula that it stands for; at either its error is below float64's resolution.
NEAR = 0.2
LARGE = 10.0
# B_2j / (2j (2j - 1)), Bernoulli numbers B: Stirling's series in 1 / x, 1 / x^3, ...
SERIES = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


def stirling_error(inverse: Tensor) -> Tensor:
    """log Gamma(x + 1) - [x log x - x + log(2 pi x) / 2] at x = 1 / inverse; 0 at inverse 0. (...) -> (...)."""
    is_large = inverse * LARGE <= 1
    x = 1 / torch.where(is_large, 1.0, inverse)
    direct = _without_powers(x) - 0.5 * x.log() - HALF_LOG_TWO_PI
    return torch.where(is_large, _series(torch.where(is_large, inverse, 0.0)), direct)


def log_excess(x: Tensor) -> Tensor:
    """log Gamma(x + 1) - (x log x - x) for x >= 0, and 0 at 0: (...) -> (...)."""
    is_large = x >= LARGE
    large = torch.where(is_large, x, LARGE)
    some = torch.where(is_large | (x <= 0), 1.0, x)
    direct = torch.where(x > 0, _without_powers(some), 0.0)
    return torch.where(is_large, 0.5 * large.log() + HALF_LOG_TWO_PI + _series(1 / large), direct)


def deviance(x: Tensor, gap: Tensor, relative: Tensor, ratio: Tensor) -> Tensor:
    """x log(x / m) - (x - m), from numbers that stay finite where x and m have no bound: (...) -> (...).

    Args:
        x: not negative; read only where ``relative`` is ``NEAR`` or beyond.
        gap: x - m, from a formula that does not subtract the two.
        relative: gap / m.
        ratio: x / m.
    """
    is_near = relative.abs() < NEAR
    u = torch.where(is_near, relative, 0.0)
    # ((1 + u) log(1 + u) - u) / u^2 from log(1 + u) = 2 artanh(v), v = u / (2 + u).
    v = u / (2 + u)
    square, total = v.square(), torch.zeros_like(v)
    for j in reversed(range(8)):
        total = total * square + 1 / (2 * j + 3)
    curve = (1 + 2 * (1 + u) * v * total / (2 + u)) / (2 + u)
    log_ratio = torch.where(is_near | (ratio <= 0), 1.0, ratio).log()
    return torch.where(is_near, gap * u * curve, torch.where(is_near, 1.0, x) * log_ratio - gap)


def _without_powers(x: Tensor) -> Tensor:
    return torch.lgamma(x + 1) - x * x.log() + x


def _series(inverse: Tensor) -> Tensor:
    square, total = inverse.square(), torch.zeros_like(inverse)
    for coefficient in reversed(SERIES):
        total = total * square + coefficient
    return total * inverse
