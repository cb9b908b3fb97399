"""What an encoder's bound loses to its family, which cannot reach the posterior, and what to itself.

Cremer, Li & Duvenaud (2018), Inference Suboptimality in Variational Autoencoders:
log p(x) - ELBO(encoder) = approximation gap (log p(x) - best ELBO of the family) + amortization gap (best - encoder).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from latentia.core.errors import LatentiaError, ShapeError
from latentia.data import Split
from latentia.evaluation.annealing import Annealed
from latentia.evaluation.draws import DEFAULT_MEMORY, quiet, row_totals
from latentia.evaluation.evidence import log_evidence
from latentia.evaluation.footprint import peak_bytes
from latentia.evaluation.result import Figure
from latentia.models import GenerativeModel
from latentia.posteriors import Amortized, Posterior, RowOptimum, Table, optimize_rows
from latentia.posteriors.inner import landing_slope

ROWS_AT_MOST = 200


@dataclass(frozen=True)
class Gaps:
    """One number a row each, (N,) nats; the figures are means over rows with their standard errors.

    Attributes:
        log_px: log p(x), as ``source`` says.
        log_px_error: what its estimator alone is uncertain of, one standard error; 0 where the model can say it.
        source: where log p(x) is from: the model, what was given, or importance weighting by draws from each row's own
            optimum. The last lies below log p(x) in the mean, most where the family is far from the posterior, and so makes
            the approximation gap too small.
        best: the ELBO at each row's own optimum.
        encoder: the encoder's ELBO.
        converged: share of batches whose search ended because a round gained less than the tolerance.
        diverged: rows whose search left the finite numbers, and which count with what was best before.
        steps: steps a row, the mean over batches.
    """

    log_px: Tensor
    log_px_error: Tensor
    source: str
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
        # Of the mean, where rows are estimated by themselves.
        of_mean = float(self.log_px_error.square().sum().sqrt()) / len(self.log_px_error)
        lines = [
            f"log p(x)             {Figure.of(self.log_px)} nats",
            f"  which is           {self.source}, its own error {of_mean:.3f} nats",
            f"best of the family   {Figure.of(self.best)} nats",
            f"encoder              {Figure.of(self.encoder)} nats",
            f"approximation gap    {self.approximation} nats",
            f"amortization gap     {self.amortization} nats",
            f"search               converged in {self.converged:.0%} of batches, {self.diverged} rows diverged, "
            f"{self.steps:.0f} steps",
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
    log_px: Annealed | tuple[Tensor, Tensor] | None = None,
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
        log_px: what to measure the gaps from: annealed importance sampling of the same rows (``ais``), or a pair of log p(x)
            and its standard error, (N,) nats each. By default what the model says by its ``log_marginal`` and, where it has
            none, importance weighting by ``draws`` draws from each row's own optimum.

    Raises:
        LatentiaError: the posterior is no encoder, so that it has no amortization gap.
        ShapeError: ``log_px`` is of another number of rows.
    """
    if not isinstance(posterior, Amortized):
        raise LatentiaError(f"gaps are those of an encoder; {type(posterior).__name__} is none; give an Amortized.")
    rows = split.frozen_bits(seed) if split.draw_bits else split
    said = _said(model, rows, log_px)
    found: list[RowOptimum] = []
    with quiet(model, posterior, seed):
        for batch in rows.batches(_rows_at_once(model, posterior, rows, inner_draws, memory)):
            start = posterior.raw(batch.x, batch.mask)
            found.append(
                optimize_rows(
                    model, posterior.family, start, batch, steps, rounds, lr, inner_draws, tolerance, seed=seed + 1
                )
            )
    table = Table(posterior.family, torch.cat([each.raw for each in found]))
    # Fresh draws, the same number for both: what the search was judged by is not what it is reported by.
    with quiet(model, table, seed + 2):
        at_best = row_totals(model, table, rows, draws, memory, keep=0 if said else len(rows))
    with quiet(model, posterior, seed + 2):
        at_encoder = row_totals(model, posterior, rows, draws, memory)
    if said is None:
        # Importance sampling is annealing in a single step.
        weighted = Annealed(at_best.kept.T, at_best.kept.new_zeros(0, len(rows)))
        said = f"importance-weighted by {draws} draws from each row's best", weighted.log_marginal, weighted.error
    source, value, error = said
    return Gaps(
        log_px=value.to(at_best.elbo),
        log_px_error=error.to(at_best.elbo),
        source=source,
        best=at_best.elbo,
        encoder=at_encoder.elbo,
        converged=sum(each.converged for each in found) / len(found),
        diverged=int(sum(int(each.diverged.sum()) for each in found)),
        steps=sum(each.steps for each in found) / len(found),
    )


def _rows_at_once(model: GenerativeModel, encoder: Amortized, rows: Split, draws: int, memory: int) -> int:
    """Of a search, found by one step of it for one row."""
    row = rows.batch(torch.zeros(1, dtype=torch.long, device=rows.device))
    raw = encoder.raw(row.x, row.mask)
    a_row = peak_bytes(lambda: landing_slope(model, encoder.family, raw, row, draws, common_noise=False))
    return max(1, min(ROWS_AT_MOST, memory // max(1, a_row)))


def _said(
    model: GenerativeModel, rows: Split, log_px: Annealed | tuple[Tensor, Tensor] | None
) -> tuple[str, Tensor, Tensor] | None:
    """Source, log p(x) and its error, (N,) each, as given or as the model says it; None where neither is."""
    if log_px is None:
        known = log_evidence(model, rows)
        return known and (known[0], known[1], torch.zeros_like(known[1]))
    if isinstance(log_px, Annealed):
        source = f"annealed from {'above' if log_px.upper else 'below'} by {len(log_px.log_weights)} chains"
        value, error = log_px.log_marginal, log_px.error
    else:
        source, (value, error) = "as given", log_px
    if tuple(value.shape) != (len(rows),) or tuple(error.shape) != (len(rows),):
        raise ShapeError(
            f"log_px has shape {tuple(value.shape)} and its error {tuple(error.shape)}, wanted {(len(rows),)} each; "
            "estimate it for the rows of this split."
        )
    return source, value, error
