"""What is measured of a posterior on held-out rows: its bound, its weighted evidence, its time."""

import time
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from latentia.core import Batch
from latentia.core.errors import NonFinite
from latentia.data import Split
from latentia.evaluation import ais, quiet
from latentia.evaluation.draws import row_totals
from latentia.models import GenerativeModel
from latentia.posteriors import Exact, Posterior

ROWS_AT_ONCE = 200


class Measured(NamedTuple):
    """One posterior on some rows.

    Attributes:
        elbo: (N,) nats.
        log_px: (N,) importance-weighted, nats.
        seconds: that ``infer`` took a thousand rows.
    """

    elbo: Tensor
    log_px: Tensor
    seconds: float


class _Timed(Posterior):
    """Another posterior, and how long it was asked."""

    def __init__(self, inner: Posterior) -> None:
        super().__init__()
        self.inner, self.seconds, self.rows = inner, 0.0, 0

    def infer(self, model: GenerativeModel, batch: Batch) -> Distribution:
        began = _now(batch.x.device)
        q = self.inner.infer(model, batch)
        self.seconds += _now(batch.x.device) - began
        z = q.rsample() if q.has_rsample else q.sample()
        bad = int((~torch.isfinite(z.double())).flatten(1).any(1).sum()) if z.ndim > 1 else 0
        if bad:
            raise NonFinite(f"its answers are not finite in {bad} of {len(z)} rows.")
        self.rows += len(batch.x)
        return q


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def measure(model: GenerativeModel, posterior: Posterior, rows: Split, draws: int, seed: int) -> Measured:
    """ELBO and importance-weighted log p(x) with exactly ``draws`` draws a row, the same seed for every posterior.

    Raises:
        NonFinite: the posterior's answers are not finite, in how many rows.
    """
    timed = _Timed(posterior)
    with quiet(model, timed, seed):
        found = row_totals(model, timed, rows, draws)
    return Measured(found.elbo, found.log_px, 1000 * timed.seconds / timed.rows)


def annealed(
    model: GenerativeModel, start: Posterior | None, rows: Split, temperatures: int, chains: int, seed: int
) -> Tensor:
    """Annealed importance sampling to the posterior, from ``start`` or the prior: log p(x) from below, (N,) nats."""
    found = []
    with quiet(model, start or Exact(), seed):  # Exact has no state to put back
        for batch in rows.batches(ROWS_AT_ONCE):
            q = None if start is None else start.infer(model, batch)
            found.append(ais(model, batch, temperatures, chains, start=q, seed=seed).log_marginal)
    return torch.cat(found)
