"""Log-weights of a split, with exactly the asked number of draws, in chunks that fit a memory budget."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from latentia.core import Batch
from latentia.core.errors import LatentiaError
from latentia.core.freed_memory import keep_freed_memory
from latentia.core.random import seeded
from latentia.data import Split
from latentia.evaluation.footprint import bytes_a_draw
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior
from latentia.weights import terms

DEFAULT_MEMORY = 128 * 2**20
ROWS_AT_MOST = 500


class RowTotals(NamedTuple):
    """What K draws say about each row.

    Attributes:
        elbo: (N,) mean log-weight, nats.
        log_px: (N,) log of the mean weight, nats.
        reconstruction: (N,) mean log-likelihood, nats.
        rate: (N,) mean of log q - log prior, nats.
        kept: (n, K) all log-weights of the first rows.
    """

    elbo: Tensor
    log_px: Tensor
    reconstruction: Tensor
    rate: Tensor
    kept: Tensor


@contextmanager
def quiet(model: GenerativeModel, posterior: Posterior, seed: int) -> Iterator[None]:
    """No gradient, evaluation mode, and a seeded random state that gives way to the caller's afterwards."""
    keep_freed_memory()
    was_training = [(m, m.training) for part in (model, posterior) for m in part.modules()]
    model.eval()
    posterior.eval()
    try:
        with torch.no_grad(), seeded(seed):
            yield
    finally:
        for module, training in was_training:
            module.training = training


def chunk_sizes(n_draws: int, a_draw: int, memory: int, n_rows: int = ROWS_AT_MOST) -> tuple[int, list[int]]:
    """(rows at once, draws in each chunk); the chunks sum to ``n_draws`` exactly.

    >>> chunk_sizes(7, 10_000, 310_000)
    (31, [1, 1, 1, 1, 1, 1, 1])
    >>> sum(chunk_sizes(5000, 10_000, 2**28)[1])
    5000

    Args:
        n_draws: K.
        a_draw: bytes that one draw of one row takes (``bytes_a_draw``).
        memory: bytes that all of a chunk may take.
        n_rows: that there are.

    Raises:
        LatentiaError: no draws asked for, or no memory given.
    """
    at_once = _at_once(n_draws, a_draw, memory)
    rows = max(1, min(ROWS_AT_MOST, n_rows, at_once))
    return rows, _split(n_draws, at_once // rows)


def draw_chunks(n_draws: int, rows: int, a_draw: int, memory: int) -> list[int]:
    """Draws in each chunk where the number of rows is fixed; they sum to ``n_draws`` exactly. As ``chunk_sizes``.

    >>> draw_chunks(7, 10, 10_000, 310_000)
    [3, 3, 1]
    """
    return _split(n_draws, _at_once(n_draws, a_draw, memory) // rows)


def _at_once(n_draws: int, a_draw: int, memory: int) -> int:
    """Draws of single rows that fit into the budget."""
    if n_draws < 1:
        raise LatentiaError(f"draws is {n_draws}, wanted at least 1.")
    if memory < 1:
        raise LatentiaError(f"the memory budget is {memory} bytes, wanted a positive number.")
    return max(1, memory // a_draw)


def _split(n_draws: int, at_most: int) -> list[int]:
    each = min(n_draws, max(1, at_most))
    whole, rest = divmod(n_draws, each)
    return [each] * whole + ([rest] if rest else [])


def row_totals(
    model: GenerativeModel,
    posterior: Posterior,
    split: Split,
    n_draws: int,
    memory: int = DEFAULT_MEMORY,
    keep: int = 0,
) -> RowTotals:
    """Exactly K draws for every row of ``split``, summed up a row at a time; the first ``keep`` rows' weights stay whole."""
    first = split.batch(torch.zeros(1, dtype=torch.long, device=split.device))
    rows, chunks = chunk_sizes(n_draws, bytes_a_draw(model, first), memory, len(split))
    parts, kept = [], []
    for batch in split.batches(rows):
        left = max(0, keep - rows * len(parts))
        totals, weights = _batch_totals(model, posterior, batch, chunks, left)
        parts.append(totals)
        kept.append(weights)
    sums, log_sum = (torch.cat(each, dim=-1) for each in zip(*parts, strict=True))
    means = sums / n_draws
    return RowTotals(means[0], log_sum - math.log(n_draws), means[1], means[2], torch.cat(kept))


def _batch_totals(
    model: GenerativeModel, posterior: Posterior, batch: Batch, chunks: list[int], keep: int
) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """((3, B) sums of w, log-likelihood and rate; (B,) log sum of weights); (<= keep, K) log-weights."""
    q = posterior.infer(model, batch)
    # Double: thousands of float32 log-weights would lose a digit of the mean.
    sums = torch.zeros(3, len(batch.x), dtype=torch.float64, device=batch.x.device)
    log_sum = torch.full((len(batch.x),), -math.inf, dtype=torch.float64, device=batch.x.device)
    kept = []
    for size in chunks:
        drawn = terms(model, q, batch, q.sample((size,)))
        w = drawn.weights().double()
        rate = drawn.log_q - drawn.log_prior
        sums += torch.stack([w.sum(0), drawn.log_likelihood.double().sum(0), rate.double().sum(0)])
        log_sum = torch.logaddexp(log_sum, w.logsumexp(0))
        # A copy, since a view would hold all of this chunk's weights.
        kept.append(w[:, :keep].T.clone())
    return (sums, log_sum), torch.cat(kept, dim=1)
