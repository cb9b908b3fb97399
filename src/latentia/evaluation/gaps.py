"""What an encoder's bound loses to its family, which cannot reach the posterior, and what to itself.

Cremer, Li & Duvenaud (2018), Inference Suboptimality in Variational Autoencoders:
log p(x) - ELBO(encoder) = approximation gap (log p(x) - best ELBO of the family) + amortization gap (best - encoder).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from latentia.core.errors import LatentiaError
from latentia.data import Split
from latentia.evaluation.draws import DEFAULT_MEMORY, quiet, row_totals
from latentia.evaluation.result import Figure
from latentia.models import GenerativeModel
from latentia.posteriors import Amortized, Posterior, RowOptimum, Table, optimize_rows

ROWS_AT_ONCE = 200


@dataclass(frozen=True)
class Gaps:
    """One number a row each, (N,) nats; the figures are means over rows with their standard errors.

    Attributes:
        log_px: importance-weighted log p(x), by draws from each row's own optimum; itself a lower bound in the mean.
        best: the ELBO at each row's own optimum.
        encoder: the encoder's ELBO.
        converged: share of batches whose search ended because a round gained less than the tolerance.
        diverged: rows whose search left the finite numbers, and which count with what was best before.
        steps: steps a row, the mean over batches.
    """

    log_px: Tensor
    best: Tensor
    encoder: Tensor
    converged: float
    diverged: int
    steps: float

    @property
    def approximation(self) -> Figure:
        """What the family costs: log p(x) less its best ELBO."""
        return Figure.of(self.log_px - self.best)

    @property
    def amortization(self) -> Figure:
        """What the encoder costs beyond that: the family's best ELBO less the encoder's."""
        return Figure.of(self.best - self.encoder)

    @property
    def inference(self) -> Figure:
        """Both together: log p(x) less the encoder's ELBO."""
        return Figure.of(self.log_px - self.encoder)

    def __str__(self) -> str:
        lines = [
            f"log p(x), weighted   {Figure.of(self.log_px)} nats",
            f"best of the family   {Figure.of(self.best)} nats",
            f"encoder              {Figure.of(self.encoder)} nats",
            f"approximation gap    {self.approximation} nats",
            f"amortization gap     {self.amortization} nats",
        ]
        return "\n".join(lines)


def gaps(
    model: GenerativeModel,
    posterior: Posterior,
    split: Split,
    draws: int = 500,
    steps: int = 200,
    rounds: int = 4,
    lr: float = 0.05,
    inner_draws: int = 8,
    tolerance: float = 1e-2,
    seed: int = 0,
    memory: int = DEFAULT_MEMORY,
) -> Gaps:
    """Search each row's best q within the encoder's family, from the encoder's answer, and say what is between the bounds.

    Args:
        model: p.
        posterior: an encoder.
        split: the rows; a few hundred say enough, since every row is optimized.
        draws: draws a row for each of the reported bounds.
        steps: steps a round of the search; see ``optimize_rows``, as for the next four.
        rounds: at most.
        lr: Adam's rate.
        inner_draws: draws a step.
        tolerance: nats a row in the mean.
        seed: of all draws; the caller's random state is left as it was.
        memory: bytes that one chunk of draws may take, about.

    Raises:
        LatentiaError: the posterior is no encoder, so that it has no amortization gap.
    """
    if not isinstance(posterior, Amortized):
        raise LatentiaError(f"gaps are those of an encoder; {type(posterior).__name__} is none; give an Amortized.")
    rows = split.frozen_bits(seed) if split.draw_bits else split
    found: list[RowOptimum] = []
    with quiet(model, posterior, seed):
        for batch in rows.batches(ROWS_AT_ONCE):
            start = posterior.raw(batch.x, batch.mask)
            found.append(
                optimize_rows(
                    model, posterior.family, start, batch, steps, rounds, lr, inner_draws, tolerance, seed=seed + 1
                )
            )
    table = Table(posterior.family, torch.cat([each.raw for each in found]))
    # Fresh draws, the same number for both: what the search was judged by is not what it is reported by.
    with quiet(model, table, seed + 2):
        at_best = row_totals(model, table, rows, draws, memory)
    with quiet(model, posterior, seed + 2):
        at_encoder = row_totals(model, posterior, rows, draws, memory)
    return Gaps(
        log_px=at_best.log_px,
        best=at_best.elbo,
        encoder=at_encoder.elbo,
        converged=sum(each.converged for each in found) / len(found),
        diverged=int(sum(int(each.diverged.sum()) for each in found)),
        steps=sum(each.steps for each in found) / len(found),
    )
