"""How well a topic's words go together in documents, and how different topics' words are.

NPMI: Bouma (2009), Normalized (Pointwise) Mutual Information in Collocation Extraction; as a coherence, Röder, Both &
Hinneburg (2015), Exploring the Space of Topic Coherence Measures. UMass: Mimno et al. (2011), Optimizing Semantic Coherence
in Topic Models. Diversity: Dieng, Ruiz & Blei (2020), Topic Modeling in Embedding Spaces.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from latentia.core.errors import DataError, LatentiaError


class Coherence(NamedTuple):
    """Of each topic (T,), higher is better: NPMI in [-1, 1], and UMass, at most 0 but for pairs that always meet."""

    npmi: Tensor
    umass: Tensor


def top_words(topics: Tensor, n: int) -> Tensor:
    """The n likeliest words of each topic, the likeliest first: (T, V) -> (T, n).

    Raises:
        LatentiaError: fewer than 2 words asked for, or more than there are.
    """
    if not 2 <= n <= topics.shape[1]:
        raise LatentiaError(f"{n} words a topic were asked for, wanted from 2 to the {topics.shape[1]} there are.")
    return topics.argsort(dim=1, descending=True, stable=True)[:, :n]


def coherence(words: Tensor, documents: Tensor) -> Coherence:
    """Means over the pairs of a topic's words, by how often they stand in a document together.

    A pair that never meets has NPMI -1, one that stands in every document 1, as the limits are. A pair with a word that no
    document holds says nothing and is left out; a topic without any other pair is NaN.

    Args:
        words: (T, n) from ``top_words``; UMass asks of each word how often it comes with the likelier ones.
        documents: (N, V) counts, of which only what is above 0 matters; training rows, or others of the kind.

    Raises:
        DataError: no documents.
    """
    if not len(documents):
        raise DataError("coherence is counted in documents, and there are none; give some rows.")
    # Words of any topic alone, so that the table of pairs stays small where the vocabulary is large.
    kept, place = words.unique(return_inverse=True)
    seen = (documents[:, kept] > 0).double()
    together = seen.T @ seen
    alone = together.diagonal()
    later, earlier = torch.tril_indices(words.shape[1], words.shape[1], -1)
    less, more = place[:, later], place[:, earlier]
    both, known = together[less, more], (alone[less] > 0) & (alone[more] > 0)
    share = both / len(documents)
    information = (share * len(documents) ** 2 / (alone[less] * alone[more]).clamp_min(1)).log()
    npmi = torch.where(share == 1, 1.0, torch.where(both == 0, -1.0, information / -share.log()))
    umass = ((both + 1) / alone[more].clamp_min(1)).log()
    return Coherence(*(torch.where(known, each, torch.nan).nanmean(1) for each in (npmi, umass)))


def diversity(words: Tensor) -> float:
    """The share of different words among the topics' words (T, n): 1 where no two topics share one, 1 / T where all do."""
    return len(words.unique()) / words.numel()
