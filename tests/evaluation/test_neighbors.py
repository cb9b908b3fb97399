"""Nearest rows against scikit-learn and by hand: exact whatever the chunks, near enough by a graph."""

import sys
from typing import Any

import pytest
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from latentia.core.errors import LatentiaError, NonFinite, ShapeError
from latentia.evaluation import METRICS, Metric, neighbors
from latentia.evaluation.neighbors import _exact


def brute(among: Tensor, of: Tensor, k: int, metric: Metric) -> tuple[Tensor, Tensor]:
    found = NearestNeighbors(n_neighbors=k, metric=metric, algorithm="brute").fit(among.double().numpy())
    distances, rows = found.kneighbors(of.double().numpy())
    return torch.from_numpy(rows), torch.from_numpy(distances)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("memory", [1, 20_000, 2**26])
def test_they_are_those_of_scikit_learn(metric: Metric, memory: int) -> None:
    among, of = torch.randn(503, 5) + 3, torch.randn(301, 5)
    got = neighbors(among, of, 7, metric, memory=memory)
    rows, distances = brute(among, of, 7, metric)
    assert torch.equal(got.rows, rows)
    torch.testing.assert_close(got.distances, distances, atol=1e-12, rtol=1e-9)
    assert (got.metric, got.method, got.recall) == (metric, "exact", None)


def test_far_from_zero_no_digit_is_lost() -> None:
    among = torch.randn(200, 3).double()
    got, want = neighbors(among + 1e7, among[:50] + 1e7, 4), neighbors(among, among[:50], 4)
    assert torch.equal(got.rows, want.rows)
    torch.testing.assert_close(got.distances, want.distances, atol=1e-7, rtol=0)


def test_of_equals_the_lower_row_comes_first() -> None:
    among = torch.tensor([[1.0], [0.0], [1.0], [0.0], [2.0]])
    assert neighbors(among, torch.zeros(1, 1), 4).rows.tolist() == [[1, 3, 0, 2]]


def test_a_row_can_be_left_out_of_its_own_neighbors() -> None:
    among = torch.randn(300, 3)
    rows = torch.tensor([0, 299, 17])
    for memory in (1, 2**20):
        got = neighbors(among, among[rows], 5, leave_out=rows, memory=memory)
        assert torch.equal(got.rows, brute(among, among[rows], 6, "euclidean")[0][:, 1:])
    whole = neighbors(among[:3], among[:1], 2, leave_out=torch.tensor([0]))
    assert sorted(whole.rows[0].tolist()) == [1, 2]


def test_a_vector_of_zeros_has_no_direction() -> None:
    got = neighbors(torch.tensor([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0]]), torch.tensor([[2.0, 0.0]]), 3, "cosine")
    assert got.rows.tolist() == [[1, 0, 2]]
    torch.testing.assert_close(got.distances, torch.tensor([[0.0, 1.0, 2.0]]).double())


def test_codes_are_flattened() -> None:
    among = torch.randn(40, 3, 4)
    assert torch.equal(neighbors(among, among[:5], 3).rows, neighbors(among.flatten(1), among[:5].flatten(1), 3).rows)


@pytest.mark.parametrize("metric", METRICS)
def test_a_graph_finds_nearly_all_of_them(metric: Metric) -> None:
    among, of = torch.randn(3000, 12), torch.randn(100, 12)
    got, want = neighbors(among, of, 10, metric, "hnsw"), neighbors(among, of, 10, metric, "exact")
    assert got.method == "hnsw"
    right = (got.rows.unsqueeze(-1) == want.rows.unsqueeze(-2)).any(-1).double().mean(-1)
    assert float(right.mean()) >= 0.95
    assert got.recall == pytest.approx(float(right[:20].mean()))
    torch.testing.assert_close(got.distances[right == 1], want.distances[right == 1])
    assert torch.equal(neighbors(among, of, 10, metric, "hnsw").rows, got.rows), "another graph for the same rows"


def test_a_graph_leaves_a_row_out_too() -> None:
    among, rows = torch.randn(500, 4), torch.tensor([3, 499])
    got = neighbors(among, among[rows], 5, method="hnsw", leave_out=rows)
    assert torch.equal(got.rows, neighbors(among, among[rows], 5, leave_out=rows).rows)
    assert got.recall == 1.0


def test_a_graph_is_built_where_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = sys.modules["latentia.evaluation.neighbors"]
    monkeypatch.setattr(module, "MOST_EXACT_ROWS", 50)
    monkeypatch.setattr(module, "MOST_EXACT_QUERIES", 5)
    many, few = torch.randn(60, 3), torch.randn(40, 3)
    assert neighbors(many, few[:6], 3).method == "hnsw"
    assert neighbors(many, few[:5], 3).method == "exact"
    assert neighbors(few, few, 3).method == "exact"
    assert neighbors(many, few, 3, method="exact").method == "exact"
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.raises(LatentiaError, match=r"among 60 rows by a graph needs usearch.*pip install 'latentia\[neighbors\]'"):
        neighbors(many, few, 3)


def test_no_more_distances_are_held_than_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    largest, real = 0, torch.addmm

    def watched(*args: Any, **options: Any) -> Tensor:
        nonlocal largest
        out = real(*args, **options)
        largest = max(largest, out.numel() * out.element_size())
        return out

    monkeypatch.setattr(torch, "addmm", watched)
    _exact(torch.randn(2000, 2).double(), torch.randn(700, 2).double(), 3, None, 100_000)
    assert 0 < largest <= 100_000


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"k": 0}, LatentiaError, "k is 0"),
        ({"k": 9}, LatentiaError, "9 neighbors were asked for, and there are 8 rows"),
        ({"k": 8, "leave_out": torch.tensor([0, 1])}, LatentiaError, "there are 7 rows to choose from"),
        ({"metric": "cosinus"}, LatentiaError, "there is no metric 'cosinus'; did you mean 'cosine'?"),
        ({"method": "tree"}, LatentiaError, "there is no method 'tree'; known: auto, exact, hnsw"),
        ({"of": torch.zeros(2, 4)}, ShapeError, "a query has shape (4,), wanted (3,)"),
        ({"of": torch.full((2, 3), torch.nan)}, NonFinite, "a query is NaN"),
    ],
)
def test_wrong_wishes_are_refused_in_one_line(wrong: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as refused:
        neighbors(**({"among": torch.randn(8, 3), "of": torch.randn(2, 3), "k": 2} | wrong))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
