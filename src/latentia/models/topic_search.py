"""Each document's share of every topic by coordinate ascent, for many documents at once.

Blei, Ng & Jordan (2003), Latent Dirichlet Allocation, section 5.2. From which topic a word was drawn is summed out: at its
best for the shares' factor, it leaves a document's bound as a function of that factor's concentrations alone.
"""

import torch
from torch import Tensor

# The active documents are packed anew once so few of them still move; packing costs about as much as an iteration.
PACK_BELOW = 0.8
CELLS_AT_ONCE = 4_000_000


def expected_log(concentrations: Tensor) -> Tensor:
    """E log of a Dirichlet's shares: (..., C) -> (..., C), in the precision given."""
    return torch.digamma(concentrations) - torch.digamma(concentrations.sum(-1, keepdim=True))


def word_weights(log_words: Tensor, dtype: torch.dtype) -> Tensor:
    """exp E log of the topics' words (T, V), each word's largest at 1: only their ratios count, and so none underflows."""
    return (log_words - log_words.amax(0)).exp().to(dtype)


def shares_of_topics(
    counts: Tensor, words: Tensor, concentration: float, tolerance: float, most_steps: int, start: Tensor | None = None
) -> Tensor:
    """The concentrations of each document's q(shares), (N, T), each found without a look at the other documents.

    Equal rows are searched for once. A document ends where its concentrations move by less than ``tolerance`` on average.

    Args:
        counts: (N, V) how often each word is in each document.
        words: (T, V) from ``word_weights``.
        concentration: of the prior on shares.
        tolerance: in words.
        most_steps: iterations at most.
        start: (N, T) where to begin; equal shares unless given.
    """
    if start is None:
        rows, place = distinct(counts)
        gamma = counts.new_ones(len(rows), len(words))
        return torch.cat([_climb(c, words, concentration, tolerance, most_steps, g) for c, g in _chunks(rows, gamma)])[place]
    return torch.cat([_climb(c, words, concentration, tolerance, most_steps, g) for c, g in _chunks(counts, start.clone())])


def topic_weights(gamma: Tensor) -> Tensor:
    """exp E log of shares (N, T) -> (N, T), each document's largest at 1."""
    log_shares = torch.digamma(gamma)
    return (log_shares - log_shares.amax(-1, keepdim=True)).exp_()


def per_weight(counts: Tensor, shares: Tensor, words: Tensor) -> Tensor:
    """Counts over the weight that all topics give the word, (N, V)."""
    return counts / (shares @ words).clamp_min_(torch.finfo(words.dtype).tiny)


def distinct(counts: Tensor) -> tuple[Tensor, Tensor]:
    """The distinct rows (M, V) and each row's place among them (N,); all of them where a hash of theirs collides."""
    n, v = counts.shape
    generator = torch.Generator(counts.device).manual_seed(0)
    secret = torch.rand(v, dtype=torch.float64, device=counts.device, generator=generator)
    hashes, place = torch.unique(counts.double() @ secret, return_inverse=True)
    first = place.new_full((len(hashes),), n).scatter_reduce_(0, place, torch.arange(n, device=place.device), "amin")
    rows = counts[first]
    if len(hashes) < n and bool(torch.equal(rows[place], counts)):
        return rows, place
    return counts, torch.arange(n, device=counts.device)


def _chunks(counts: Tensor, gamma: Tensor) -> list[tuple[Tensor, Tensor]]:
    at_once = max(1, CELLS_AT_ONCE // counts.shape[1])
    return list(zip(counts.split(at_once), gamma.split(at_once), strict=True))


def _climb(counts: Tensor, words: Tensor, concentration: float, tolerance: float, most_steps: int, gamma: Tensor) -> Tensor:
    """Iterate on the documents that still move; ``gamma`` is written over."""
    active = torch.arange(len(counts), device=counts.device)
    now, moves = gamma.clone(), torch.ones(len(counts), dtype=torch.bool, device=counts.device)
    for _ in range(most_steps):
        shares = topic_weights(now)
        found = (per_weight(counts, shares, words) @ words.T).mul_(shares).add_(concentration)
        # A document that has ended stays where it is, so that its answer does not hang on who is packed beside it.
        found = torch.where(moves.unsqueeze(-1), found, now)
        moves = moves & ((found - now).abs().mean(-1) >= tolerance)
        now, left = found, int(moves.sum())
        if left < PACK_BELOW * len(active):
            gamma[active] = now
            active, now, counts, moves = active[moves], now[moves], counts[moves], moves[moves]
        if not left:
            break
    gamma[active] = now
    return gamma
