"""Variational parameters for each row by itself, and the search for the best of them.

Hoffman et al. (2013), Stochastic Variational Inference; Cremer, Li & Duvenaud (2018), Inference Suboptimality in Variational
Autoencoders, for the search as a yardstick of an encoder.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from latentia.core import Batch
from latentia.core.errors import LatentiaError, NoReparameterization, ShapeError
from latentia.core.random import seeded
from latentia.families import Family
from latentia.models import GenerativeModel
from latentia.posteriors.base import Posterior
from latentia.weights import log_weights


class PerDatum(Posterior):
    """q(z_i) = family(raw_i): a table of raw numbers, looked up by ``Batch.row``. It knows the rows of one split alone.

    Args:
        family: how raw numbers are read as a distribution over z.
        raw: the table, (N, raw_per_value, *z_shape).

    Raises:
        ShapeError: the table has another number of raw values than the family reads.
    """

    def __init__(self, family: Family, raw: Tensor) -> None:
        super().__init__()
        if raw.ndim < 2 or raw.shape[1] != family.raw_per_value:
            raise ShapeError(
                f"PerDatum: raw has shape {tuple(raw.shape)}, but {type(family).__name__} reads {family.raw_per_value} "
                f"numbers a latent; give (rows, {family.raw_per_value}, latents)."
            )
        self.family = family
        self.raw = nn.Parameter(raw.detach().clone())

    def infer(self, model: GenerativeModel, batch: Batch) -> Distribution:
        """Look the rows up.

        Raises:
            ShapeError: the batch comes from another split, with another number of rows.
        """
        if batch.n_rows != len(self.raw):
            raise ShapeError(
                f"PerDatum holds {len(self.raw)} rows and was asked for rows of a split of {batch.n_rows}; "
                "infer on the split that it was fitted on, or fit the new rows first."
            )
        return self.family.distribution(self.raw[batch.row], event_dim=self.raw.ndim - 2)


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
        LatentiaError: steps, rounds, draws or judges below 1.
    """
    for name, value in (("steps", steps), ("rounds", rounds), ("draws", draws), ("judges", judges)):
        if value < 1:
            raise LatentiaError(f"{name} is {value}, wanted at least 1.")
    event = raw.ndim - 2
    if not family.distribution(raw, event).has_rsample:
        raise NoReparameterization(
            f"draws of {type(family).__name__} carry no gradient, which the search needs; use a continuous family."
        )

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
    optimizer = torch.optim.Adam([raw], lr=lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    event = raw.ndim - 2
    with torch.enable_grad():
        for _ in range(steps):
            z = family.distribution(raw, event).rsample((draws,))
            w = log_weights(model, family.distribution(raw.detach(), event), batch, z)
            (slope,) = torch.autograd.grad(-w.mean(0).sum(), raw)
            raw.grad = slope
            optimizer.step()
            schedule.step()
    return raw.detach()
