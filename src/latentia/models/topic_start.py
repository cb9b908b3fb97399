"""Topics to begin at: the words' frequencies, each topic's tilted towards one cluster of documents.

Dhillon & Modha (2001), Concept Decompositions for Large Sparse Text Data Using Clustering; seeds after Arthur &
Vassilvitskii (2007), k-means++. A search for topics that begins at noise ends lower, on average.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

ROUNDS = 5
# How far towards the cluster. The first sweep carries a small tilt all the way, and one that is wrong is soon forgotten.
TILT = 0.1


def tilted_topics(x: Tensor, n_topics: int) -> Tensor:
    """Words' shares in each topic: counts (N, V) -> (T, V), rows summing to 1. Draws from torch's random state."""
    counts = x.double().clamp_min(0)
    totals = counts.sum(1)
    # Short documents are alike by chance.
    clusters = _clusters(counts[totals >= totals.mean()], n_topics)
    every = counts.sum(0) + 1 / counts.shape[1]
    return (1 - TILT) * every / every.sum() + TILT * (clusters + every / every.sum()) / (clusters.sum(1, keepdim=True) + 1)


def _clusters(counts: Tensor, n: int) -> Tensor:
    """Sums of the counts in each of n clusters by angle, (n, V)."""
    unit = F.normalize(counts, dim=1)
    seeds = [int(torch.randint(len(unit), ()))]
    nearest = unit @ unit[seeds[0]]
    for _ in range(n - 1):
        seeds.append(int(torch.multinomial((1 - nearest).clamp_min(1e-6).square(), 1)))
        nearest = torch.maximum(nearest, unit @ unit[seeds[-1]])
    centers = unit[seeds]
    for _ in range(ROUNDS):
        sums = torch.zeros_like(centers).index_add_(0, (unit @ centers.T).argmax(1), unit)
        # A cluster that lost all its documents stays where it was.
        centers = torch.where(sums.any(1, keepdim=True), F.normalize(sums, dim=1), centers)
    return torch.zeros_like(centers).index_add_(0, (unit @ centers.T).argmax(1), counts)
