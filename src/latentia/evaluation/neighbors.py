"""Which rows lie nearest in latent space: exactly, by chunks that fit a memory budget, or by a graph where there are many.

Malkov & Yashunin (2018), Efficient and Robust Approximate Nearest Neighbor Search Using Hierarchical Navigable Small World
Graphs.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from latentia.core.checks import check_counts, check_finite, check_shape
from latentia.core.errors import LatentiaError, nearest

Metric = Literal["euclidean", "cosine"]
NeighborSearch = Literal["auto", "exact", "hnsw"]
METRICS: tuple[str, ...] = get_args(Metric)
METHODS: tuple[str, ...] = get_args(NeighborSearch)
# To build a graph takes as long as 6,000 to 21,000 exact queries (10,000 to 40,000 rows, 16 to 64 latents, one thread).
MOST_EXACT_ROWS, MOST_EXACT_QUERIES = 100_000, 10_000
MEMORY = 64 * 2**20
QUERIES_AT_ONCE = 256
# Of the graph: edges a row, and how many rows a search keeps in view while it is built and when it is asked.
EDGES, BREADTH_BUILDING, BREADTH_ASKING = 16, 128, 512
CHECKED = 20


@dataclass(frozen=True)
class Neighbors:
    """The k nearest rows of each query, the nearest first; of equals, the lower row number first.

    Attributes:
        rows: (Q, k) long.
        distances: (Q, k) float64: the length of the difference, or 1 less the cosine.
        metric: which of the two.
        method: "exact" or "hnsw".
        recall: of a graph's neighbors, the share that is right, by up to 20 queries also asked exactly; else None.
    """

    rows: Tensor
    distances: Tensor
    metric: Metric
    method: Literal["exact", "hnsw"]
    recall: float | None = None


def neighbors(
    among: Tensor,
    of: Tensor,
    k: int = 10,
    metric: Metric = "euclidean",
    method: NeighborSearch = "auto",
    leave_out: Tensor | None = None,
    memory: int = MEMORY,
) -> Neighbors:
    """The k rows of ``among`` that are nearest to each row of ``of``.

    Args:
        among: (N, ...) encodings; further axes are flattened.
        of: (Q, ...) queries.
        k: how many.
        metric: "euclidean" or "cosine"; a zero vector has no direction, and its cosine with anything counts as 0.
        method: "exact"; "hnsw", a graph by usearch, always the same one for the same rows; or "auto", which is exact up to
            100,000 rows, and beyond for up to 10,000 queries, since more are needed to pay for a graph.
        leave_out: (Q,) a row of ``among`` that is not to be found by this query, which it is itself; or None.
        memory: bytes that one chunk of distances may take, about.

    Raises:
        LatentiaError: an unknown metric or method, k of nothing or of more than there are, or usearch is missing.
        ShapeError: queries of another shape than the rows.
        NonFinite: an encoding that is not finite.
    """
    _check(among, of, k, metric, method, leave_out)
    rows, queries = (x.detach().cpu().flatten(1).double() for x in (among, of))
    middle = rows.mean(0) if metric == "euclidean" else 0.0
    # About their middle, so that a distance is not the difference of two large numbers.
    rows, queries = rows - middle, queries - middle
    if metric == "cosine":
        rows, queries = _unit(rows), _unit(queries)
    few = len(rows) <= MOST_EXACT_ROWS or len(queries) <= MOST_EXACT_QUERIES
    if method == "exact" or (method == "auto" and few):
        return Neighbors(*_sorted(rows, queries, _exact(rows, queries, k, leave_out, memory), metric), metric, "exact")
    found = _by_graph(rows, queries, k, leave_out)
    some = slice(0, CHECKED)
    left = None if leave_out is None else leave_out[some]
    right = _exact(rows, queries[some], k, left, memory)
    recall = float((found[some].unsqueeze(-1) == right.unsqueeze(-2)).any(-1).double().mean())
    return Neighbors(*_sorted(rows, queries, found, metric), metric, "hnsw", recall)


def _exact(rows: Tensor, queries: Tensor, k: int, leave_out: Tensor | None, memory: int) -> Tensor:
    """(Q, k) the rows at the least distance, in any order."""
    at_once = min(QUERIES_AT_ONCE, max(1, len(queries)))
    width = max(k, memory // (8 * at_once))
    sizes = rows.square().sum(-1)
    found = []
    for start in range(0, len(queries), at_once):
        part = queries[start : start + at_once]
        best = torch.full((len(part), 0), torch.inf, dtype=rows.dtype)
        places = torch.empty(len(part), 0, dtype=torch.long)
        for first in range(0, len(rows), width):
            # The query's own size is the same for every row.
            away = torch.addmm(sizes[first : first + width], part, rows[first : first + width].T, alpha=-2)
            if leave_out is not None:
                own = leave_out[start : start + at_once] - first
                mine = (own >= 0) & (own < away.shape[1])
                away[mine.nonzero().squeeze(-1), own[mine]] = torch.inf
            near, at = away.topk(min(k, away.shape[1]), largest=False)
            best, places = torch.cat([best, near], -1), torch.cat([places, at + first], -1)
            best, kept = best.topk(min(k, best.shape[1]), largest=False)
            places = places.gather(-1, kept)
        found.append(places)
    return torch.cat(found)


def _by_graph(rows: Tensor, queries: Tensor, k: int, leave_out: Tensor | None) -> Tensor:
    try:
        from usearch.index import Index
    except ImportError:
        raise LatentiaError(
            f"a search among {len(rows):,} rows by a graph needs usearch, which is not installed; "
            "pip install 'latentia[neighbors]', or use method='exact'."
        ) from None
    index = Index(
        ndim=rows.shape[1],
        metric="l2sq",
        dtype="f32",
        connectivity=EDGES,
        expansion_add=BREADTH_BUILDING,
        expansion_search=max(BREADTH_ASKING, 16 * k),
    )
    # One thread, since the graph depends on the order in which rows come to it.
    index.add(torch.arange(len(rows)).numpy(), rows.float().numpy(), threads=1)
    wanted = min(k + (leave_out is not None), len(rows))
    keys = torch.from_numpy(index.search(queries.float().numpy(), wanted, threads=1).keys.astype("int64"))
    keys = keys.reshape(len(queries), -1)
    if keys.shape[1] < wanted:
        raise LatentiaError(f"the graph found {keys.shape[1]} of {wanted} neighbors; use method='exact'.")
    if leave_out is None:
        return keys
    own = keys == leave_out.unsqueeze(-1)
    # A graph may have missed the query itself; then the farthest goes.
    own[:, -1] |= ~own.any(-1)
    return keys[~own].reshape(len(queries), -1)


def _sorted(rows: Tensor, queries: Tensor, found: Tensor, metric: Metric) -> tuple[Tensor, Tensor]:
    """The rows found by distance, then by number; distances from the differences themselves, which keep their digits."""
    parts = []
    for places, part in zip(found.split(QUERIES_AT_ONCE), queries.split(QUERIES_AT_ONCE), strict=True):
        numbers = places.sort(-1).values
        near = rows[numbers]
        if metric == "cosine":
            away = (1 - torch.einsum("qkd,qd->qk", near, part)).clamp_min(0)
        else:
            away = (near - part.unsqueeze(1)).norm(dim=-1)
        order = away.argsort(stable=True, dim=-1)
        parts.append((numbers.gather(-1, order), away.gather(-1, order)))
    numbers, away = zip(*parts, strict=True)
    return torch.cat(numbers), torch.cat(away)


def _unit(x: Tensor) -> Tensor:
    length = x.norm(dim=-1, keepdim=True)
    return torch.where(length > 0, x / length, 0.0)


def _check(among: Tensor, of: Tensor, k: int, metric: str, method: str, leave_out: Tensor | None) -> None:
    for what, value, known in (("metric", metric, METRICS), ("method", method, METHODS)):
        if value not in known:
            raise LatentiaError(f"there is no {what} {value!r}; {nearest(str(value), list(known))}")
    check_counts(k=k)
    there = len(among) - (leave_out is not None)
    if k > there:
        raise LatentiaError(f"{k} neighbors were asked for, and there are {there} rows to choose from; ask for fewer.")
    check_shape("a query", of.shape[1:], among.shape[1:], cure="give encodings of one model.")
    for name, x in (("an encoding", among), ("a query", of)):
        check_finite(name, x, cure="encode rows for which the posterior is finite.")
