"""Each document's share of every topic by coordinate ascent, for many documents at once.

Blei, Ng & Jordan (2003), Latent Dirichlet Allocation, section 5.2. From which topic a word was drawn is summed out: at its
best for the shares' factor, it leaves a document's bound as a function of that factor's concentrations alone.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

# The documents that still move are packed anew once they are so few of those at hand; packing costs about an iteration.
PACK_BELOW = 0.8
CELLS_AT_ONCE = 4_000_000
# Iterations between two looks at who still moves; of a small batch, looking takes a third of the time.
LOOK_EVERY = 4
# Cells of a table of documents and words below which it is worked on as it is.
SMALL = 20_000


class Words(NamedTuple):
    """The words that stand in N documents, one entry for each word of each document, document by document.

    Attributes:
        document: (M,) its document.
        word: (M,) which word.
        times: (M,) how often it stands there.
        first: (N,) the place of each document's first entry.
    """

    document: Tensor
    word: Tensor
    times: Tensor
    first: Tensor

    @classmethod
    def of(cls, counts: Tensor) -> "Words":
        """From a table (N, V)."""
        document, word = counts.nonzero(as_tuple=True)
        return cls(document, word, counts[document, word], _firsts(document, len(counts)))

    def of_documents(self, kept: Tensor) -> "Words":
        """Of the documents where ``kept`` (N,) is True."""
        entries = kept[self.document]
        document = (kept.cumsum(0) - 1)[self.document[entries]]
        return Words(document, self.word[entries], self.times[entries], _firsts(document, int(kept.sum())))

    def weights(self, shares: Tensor, words: Tensor) -> Tensor:
        """sum_k shares_k words_k of each entry: shares (N, T), words (V, T) -> (M,)."""
        product = torch.linalg.vecdot(shares.index_select(0, self.document), words.index_select(0, self.word))
        return product.clamp_min_(smallest(words))

    def a_document(self, factor: Tensor, words: Tensor) -> Tensor:
        """The sum over a document's entries of a number (M,) times the word's row of (V, T): (N, T)."""
        return F.embedding_bag(self.word, words, self.first, mode="sum", per_sample_weights=factor)


def expected_log(concentrations: Tensor) -> Tensor:
    """E log of a Dirichlet's shares: (..., C) -> (..., C), in the precision given."""
    return torch.digamma(concentrations) - torch.digamma(concentrations.sum(-1, keepdim=True))


def word_weights(log_words: Tensor, dtype: torch.dtype) -> Tensor:
    """exp E log of the topics' words, (T, V) -> (V, T), each word's largest at 1: only ratios count, so none underflows."""
    return (log_words - log_words.amax(0)).exp().T.to(dtype).contiguous()


def topic_weights(gamma: Tensor) -> Tensor:
    """exp E log of shares (N, T) -> (N, T), each document's largest at 1."""
    log_shares = torch.digamma(gamma)
    return (log_shares - log_shares.amax(-1, keepdim=True)).exp_()


def shares_of_topics(counts: Tensor, words: Tensor, concentration: float, tolerance: float, most_steps: int) -> Tensor:
    """The concentrations of each document's q(shares), (N, T), each found from equal shares, without a look at the others.

    Equal rows are searched for once. A document ends where an iteration, of those that are looked at, moves its
    concentrations by less than ``tolerance`` on average.

    Args:
        counts: (N, V) how often each word is in each document.
        words: (V, T) from ``word_weights``.
        concentration: of the prior on shares.
        tolerance: in words.
        most_steps: iterations at most.
    """
    rows, place = distinct(counts)
    parts = rows.split(max(1, CELLS_AT_ONCE // counts.shape[1]))
    return torch.cat([_climb(part, words, concentration, tolerance, most_steps) for part in parts])[place]


def distinct(counts: Tensor) -> tuple[Tensor, Tensor]:
    """The distinct rows (M, V) and each row's place among them (N,); all rows, should two that differ have one hash."""
    n, v = counts.shape
    secret = torch.rand(v, dtype=torch.float64, generator=torch.Generator().manual_seed(0), device="cpu")
    hashes, place = torch.unique(counts.double() @ secret.to(counts.device), return_inverse=True)
    everyone = torch.arange(n, device=counts.device)
    first = place.new_full((len(hashes),), n).scatter_reduce_(0, place, everyone, "amin")
    rows = counts[first]
    return (rows, place) if torch.equal(rows[place], counts) else (counts, everyone)


def _climb(counts: Tensor, words: Tensor, concentration: float, tolerance: float, most_steps: int) -> Tensor:
    """(N, V) -> (N, T), iterating on the documents that still move."""
    gamma = counts.new_ones(len(counts), words.shape[1])
    at_hand = torch.arange(len(counts), device=counts.device)
    moves = torch.ones_like(at_hand, dtype=torch.bool)
    now, rows = gamma.clone(), _Listed(Words.of(counts), words) if counts.numel() > SMALL else _Table(counts, words)
    for step in range(1, most_steps + 1):
        shares = topic_weights(now)
        found = rows.pull(shares).mul_(shares).add_(concentration)
        if step % LOOK_EVERY and step < most_steps:
            now = found
            continue
        # A document that has ended stays where it was, so that its answer does not hang on who is packed beside it.
        gamma[at_hand] = torch.where(moves.unsqueeze(-1), found, gamma[at_hand])
        moves = moves & ((found - now).abs().mean(-1) >= tolerance)
        now, left = found, int(moves.sum())
        if not left:
            break
        if left < PACK_BELOW * len(at_hand):
            at_hand = at_hand[moves]
            if isinstance(rows, _Listed) and left * counts.shape[1] > SMALL:
                rows = rows.of_documents(moves)
            else:
                rows = _Table(counts[at_hand], words)
            now, moves = now[moves], moves[moves]
    return gamma


class _Listed:
    """Documents as a list of their words: work in proportion to the words they have."""

    def __init__(self, entries: Words, words: Tensor) -> None:
        self._entries, self._words = entries, words
        self._beside = words.index_select(0, entries.word)

    def pull(self, shares: Tensor) -> Tensor:
        """How much each topic explains, per share of it: sum_v x_v words_vk / (shares words)_v, (N, T) -> (N, T)."""
        weights = torch.linalg.vecdot(shares.index_select(0, self._entries.document), self._beside)
        return self._entries.a_document(self._entries.times / weights.clamp_min_(smallest(shares)), self._words)

    def of_documents(self, kept: Tensor) -> "_Listed":
        return _Listed(self._entries.of_documents(kept), self._words)


class _Table:
    """Documents as a table with a cell for every word: fewer calls, which is what few documents wait for."""

    def __init__(self, counts: Tensor, words: Tensor) -> None:
        self._counts, self._words = counts, words

    def pull(self, shares: Tensor) -> Tensor:
        """As ``_Listed``."""
        return (self._counts / (shares @ self._words.T).clamp_min_(smallest(shares))) @ self._words


def smallest(like: Tensor) -> float:
    """The smallest number that the precision holds to all its digits; what stands in for a chance of 0."""
    return torch.finfo(like.dtype).tiny


def _firsts(document: Tensor, n: int) -> Tensor:
    sizes = torch.bincount(document, minlength=n)
    return sizes.cumsum(0) - sizes
