"""One pass over the rows: where the posterior puts each, how surely, and what it is worth."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from latentia.core import Batch
from latentia.core.errors import LatentiaError, NoClosedForm
from latentia.distributions import closed_kl, kl_per_dimension
from latentia.evaluation import DEFAULT_MEMORY, chunk_sizes, mean_and_error, quiet
from latentia.evaluation.footprint import bytes_a_draw
from latentia.models import GenerativeModel
from latentia.posteriors import Amortized, Clamped, Exact, Layered, Posterior
from latentia.runs import Run, schema_of
from latentia.runs.scoring import own_units
from latentia.web.scene.rows import Chosen, Piece, first_split, pieces
from latentia.weights import terms

SEED = 0
# A posterior that searches takes about a millisecond a row and more.
MOST_SEARCHED = 2000
QUICK = (Amortized, Clamped, Layered, Exact)
# Of all encodings together, in memory and in the file.
MOST_NUMBERS = 20_000_000
LARGEST_LABEL = 2**15 - 1


@dataclass
class Seen:
    """N rows through the posterior; those for which it has no finite answer are left out and counted.

    Attributes:
        codes: (N, D) float32 posterior means, flattened.
        scores: (N,) float32 nats, the ELBO from one draw, of a table in its columns' own units as ``Run.score`` has it; NaN
            where it is not finite; None where it cannot be had.
        labels: (N,) int16, -1 without one; None without any.
        places: (N,) int32, each row's place in its split.
        splits: of each split, its first row and the one after its last.
        kl: (latents,) mean over rows, nats; None where posterior and prior do not factorize.
        notes: sentences.
    """

    codes: np.ndarray
    scores: np.ndarray | None
    labels: np.ndarray | None
    places: np.ndarray
    splits: dict[str, tuple[int, int]]
    kl: np.ndarray | None
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.codes)


def most_rows(posterior: Posterior, n_latents: int, wanted: int) -> int:
    """How many rows are asked about, at most."""
    wanted = wanted if isinstance(posterior, QUICK) else min(wanted, MOST_SEARCHED)
    return max(1, min(wanted, MOST_NUMBERS // max(1, n_latents)))


def nothing_seen(n_latents: int) -> Seen:
    """No rows."""
    return Seen(np.zeros((0, n_latents), np.float32), None, None, np.zeros(0, np.int32), {}, None)


def look(run: Run, rows: Chosen, show: Callable[[Piece, Tensor], None]) -> Seen:
    """Encode all rows, and hand each piece, with the places (B,) bool of its rows that are kept, to ``show``.

    Raises:
        LatentiaError: the posterior has no answer for these rows.
    """
    d = run.model.z_shape.numel()
    if not len(rows):
        return nothing_seen(d)
    pass_ = _Pass(run, d)
    with quiet(run.model, run.posterior, SEED):
        size = _rows_at_once(run, rows)
        for piece in pieces(run, rows, size):
            show(piece, pass_.take(piece))
    return pass_.seen(len(rows))


class _Pass:
    """What is gathered on the way."""

    def __init__(self, run: Run, d: int) -> None:
        self.model, self.posterior, self.d, self.schema = run.model, run.posterior, d, schema_of(run)
        self.codes: list[np.ndarray] = []
        self.scores: list[np.ndarray] | None = []
        self.labels: list[np.ndarray] = []
        self.places: list[np.ndarray] = []
        self.counts: dict[str, int] = {}
        self.kl: Tensor | None = torch.zeros(())
        self.any_label = False

    def take(self, piece: Piece) -> Tensor:
        batch = piece.batch
        q, prior = self.posterior.infer(self.model, batch), self.model.prior(batch.given)
        n, shape = len(batch.x), self.model.z_shape
        # A z shared by all rows is the same point for each of them.
        mean = mean_and_error(q)[0].expand(n, *shape).reshape(n, self.d).cpu()
        kept = mean.isfinite().all(1)
        self._add(self.codes, mean, kept)
        if self.scores is not None:
            score = row_scores(self.model, q, batch)
            if score is None:
                self.scores = None
            else:
                units = 0.0 if self.schema is None else own_units(self.schema, batch.x, batch.mask).sum(1)
                self._add(self.scores, score.expand(n).cpu() + units, kept)
        each = None if self.kl is None else kl_per_dimension(q, prior)
        self.kl = None if self.kl is None or each is None else self.kl + _sum(each, n)[kept].sum(0)
        self.places.append(batch.row.cpu()[kept].numpy().astype(np.int32))
        labels = torch.full((n,), -1) if piece.labels is None else piece.labels
        self.any_label |= piece.labels is not None
        self.labels.append(labels[kept].numpy())
        self.counts[piece.split] = self.counts.get(piece.split, 0) + int(kept.sum())
        return kept

    def seen(self, asked: int) -> Seen:
        codes, notes = np.concatenate(self.codes), []
        n = len(codes)
        if n < asked:
            notes.append(f"{asked - n:,} rows are left out, for which the posterior has no finite answer.")
        scores = None if self.scores is None else np.concatenate(self.scores)
        if scores is not None:
            scores[~np.isfinite(scores)] = np.nan
        labels = np.concatenate(self.labels) if self.any_label else None
        if labels is not None and n and (labels.max() > LARGEST_LABEL or labels.min() < -1):
            labels = None
            notes.append("labels are left out: they are no numbers of few classes.")
        ends = np.cumsum([0, *self.counts.values()]).tolist()
        splits = {name: (ends[k], ends[k + 1]) for k, name in enumerate(self.counts)}
        kl = None if self.kl is None or not n else (self.kl.double() / n).cpu().numpy()
        return Seen(
            codes,
            scores,
            None if labels is None else labels.astype(np.int16),
            np.concatenate(self.places),
            splits,
            kl,
            notes,
        )

    def _add(self, to: list[np.ndarray], values: Tensor, kept: Tensor) -> None:
        to.append(values[kept].float().numpy())


def row_scores(model: GenerativeModel, q: Distribution, batch: Batch) -> Tensor | None:
    """The ELBO of each row from one draw, (B,) nats, with its KL in closed form where there is one.

    None where q has no density.
    """
    try:
        parts = terms(model, q, batch, q.sample((1,)))
    except (LatentiaError, NotImplementedError):
        return None
    try:
        rate = closed_kl(q, model.prior(batch.given))
    except NoClosedForm:
        rate = parts.rate()
    return parts.log_likelihood.mean(0) - rate


def _sum(each: Tensor, n: int) -> Tensor:
    """(B, latents), of a z shared by all rows the same for each."""
    return each.double().reshape(-1, each.shape[-1]).cpu().expand(n, each.shape[-1])


def _rows_at_once(run: Run, rows: Chosen) -> int:
    """As many as fit the usual budget, by what one row's density takes."""
    one = first_split(rows, 1).to(run.device).batch(torch.zeros(1, dtype=torch.long, device=run.device))
    return chunk_sizes(1, bytes_a_draw(run.model, one), DEFAULT_MEMORY, len(rows))[0]
