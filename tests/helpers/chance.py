"""How far chance may carry an average from the truth, and whether the average was sharp enough to say anything.

A random test here has one false-alarm rate: the probability, over the choice of seed, that a right program fails it. It is
split evenly over the coordinates that the test looks at (Bonferroni), each taken as normal by the central limit theorem.
"""

from statistics import NormalDist

import torch
from torch import Tensor

FALSE_ALARM = 1e-6
# Errors that rounding explains: a coordinate without noise would otherwise have an infinite score.
ROUNDING = 1e-9


def z_limit(n_coordinates: int, false_alarm: float = FALSE_ALARM, sides: int = 2) -> float:
    """The score that no coordinate of a right program exceeds, but with probability ``false_alarm``.

    >>> round(z_limit(1, false_alarm=0.05), 2)
    1.96
    """
    return NormalDist().inv_cdf(1 - false_alarm / (sides * n_coordinates))


def z_score(draws: Tensor, truth: Tensor, rounding: float = ROUNDING) -> Tensor:
    """(mean of draws - truth) / standard error, a coordinate: draws (N, ...), truth (...) -> (...)."""
    draws, truth = draws.detach().double(), truth.detach().double()
    error = draws.mean(0) - truth
    beyond_rounding = error.sign() * (error.abs() - rounding * (1 + truth.abs())).clamp_min(0)
    standard_error = draws.std(0) / len(draws) ** 0.5
    return torch.where(beyond_rounding == 0, 0.0, beyond_rounding / standard_error)


def assert_mean_is(
    draws: Tensor,
    truth: Tensor,
    what: str,
    resolution: float = 0.05,
    size: float | None = None,
    false_alarm: float = FALSE_ALARM,
    rounding: float = ROUNDING,
) -> None:
    """Draws (N, ...) average to truth (...), with a standard error below ``resolution`` times ``size`` (else, of the truth).

    Without the second half a test of a noisy program passes whatever the program says.
    """
    truth = truth.detach()
    assert draws.shape[1:] == truth.shape, f"{what}: draws {tuple(draws.shape)}, truth {tuple(truth.shape)}"
    assert bool(torch.isfinite(draws).all()), f"{what}: not every draw is finite"
    worst = float(z_score(draws, truth, rounding).abs().max())
    assert worst < z_limit(truth.numel(), false_alarm), (
        f"{what}: mean {draws.double().mean(0).tolist()}, truth {truth.tolist()}, worst z {worst:.1f}"
    )
    blur = float((draws.double().std(0) / len(draws) ** 0.5).norm())
    size = max(float(truth.norm()), 1e-3) if size is None else size
    assert blur < resolution * size, f"{what}: a standard error of {blur:.2g} cannot check numbers of size {size:.2g}"


def assert_mean_at_most(draws: Tensor, ceiling: Tensor, what: str, false_alarm: float = FALSE_ALARM) -> None:
    """Draws (N, ...) average to no more than ceiling (...)."""
    score = float(z_score(draws, ceiling).max())
    assert score < z_limit(ceiling.numel(), false_alarm, sides=1), (
        f"{what}: above its ceiling by {score:.1f} standard errors"
    )
