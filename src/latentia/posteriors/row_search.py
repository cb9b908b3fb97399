"""The search for each row's best raw numbers, judged at both ends: the yardstick of an encoder.

Cremer, Li & Duvenaud (2018), Inference Suboptimality in Variational Autoencoders.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from latentia.core import Batch
from latentia.core.checks import check_counts, check_positive
from latentia.core.random import seeded
from latentia.families import Family
from latentia.models import GenerativeModel
from latentia.posteriors.inner import check_reparameterized, landing_slope
from latentia.weights import log_weights


class RowOptimum(NamedTuple):
    """What the search found.

    Attributes:
        raw: (B, raw_per_value, *z_shape) each row's best raw numbers; never worse than the start, by the judging draws.
        elbo: (B,) nats there, by the judging draws.
        start: (B,) nats at the start, by the same draws.
        steps: gradient steps taken.
        converged: whether the last round moved the mean bound by less than the tolerance.
        diverged: (B,) True where the search left the finite numbers and the start was kept.
    """

    raw: Tensor
    elbo: Tensor
    start: Tensor
    steps: int
    converged: bool
    diverged: Tensor


def optimize_rows(
    model: GenerativeModel,
    family: Family,
    raw: Tensor,
    batch: Batch,
    steps: int = 200,
    rounds: int = 4,
    lr: float = 0.05,
    draws: int = 8,
    tolerance: float = 1e-2,
    judges: int = 64,
    seed: int = 0,
) -> RowOptimum:
    """Raise the ELBO of every row over its own raw numbers, all rows at once; the model stays as it is.

    Adam moves each number by itself, so that rows do not see each other. Each round lets the rate fall to zero along a
    cosine; rounds are repeated until one gains less than ``tolerance``. log q enters by its slope in z alone (sticking the
    landing), so that the noise fades where the family holds the posterior.

    Args:
        model: p.
        family: which q.
        raw: where to start, (B, raw_per_value, *z_shape): an encoder's answer, or zeros.
        batch: the rows.
        steps: steps a round.
        rounds: at most.
        lr: Adam's rate at the start of the first round; each later round starts at half of the one before.
        draws: K, draws a step.
        tolerance: nats a row in the mean; a round that gains less is the last.
        judges: draws by which start and end of every row are compared, the same for all.
        seed: of all draws; the caller's random state is left as it was.

    Raises:
        NoReparameterization: draws of the family carry no gradient.
        LatentiaError: steps, rounds, draws or judges below 1, a rate that is not positive, or a negative tolerance.
    """
    check_counts(steps=steps, rounds=rounds, draws=draws, judges=judges)
    check_positive(lr=lr)
    check_positive(tolerance=tolerance, zero=True)
    check_reparameterized(family, raw)
    event = raw.ndim - 2

    def judged(at: Tensor) -> Tensor:
        with torch.no_grad(), seeded(seed):
            q = family.distribution(at, event)
            # ``sample`` would have the host look for a bad scale, and raise at one; here a bad row is only a bad row.
            return log_weights(model, q, batch, q.rsample((judges,))).mean(0)

    best, start = raw.detach(), judged(raw)
    elbo, diverged, taken, converged = start, torch.zeros_like(start, dtype=torch.bool), 0, False
    for turn in range(rounds):
        with seeded(seed + 1 + turn):
            moved = _round(model, family, best, batch, steps, lr / 2**turn, draws)
        taken += steps
        found = judged(moved)
        sound = torch.isfinite(found)
        diverged = diverged | ~sound
        better = sound & (found > elbo)
        gain = torch.where(better, found - elbo, 0.0).mean()
        best = torch.where(better.reshape(-1, *(1,) * (best.ndim - 1)), moved, best)
        elbo = torch.where(better, found, elbo)
        if float(gain) < tolerance:
            converged = True
            break
    return RowOptimum(best, elbo, start, taken, converged, diverged)


def _round(model: GenerativeModel, family: Family, start: Tensor, batch: Batch, steps: int, lr: float, draws: int) -> Tensor:
    raw = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([raw], lr=lr, maximize=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        # Noise of its own for each row: the mean over rows is then the mean of independent searches.
        _, raw.grad = landing_slope(model, family, raw, batch, draws, common_noise=False)
        optimizer.step()
        schedule.step()
    return raw.detach()
