"""The search for documents' topics, and where topics begin: each document by itself, however it is laid out."""

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from helpers.documents import T, V, batch_of, counts, model
from latentia.learners import CoordinateAscent
from latentia.models import LatentDirichlet, topic_search
from latentia.models.topic_search import distinct, shares_of_topics, word_weights
from latentia.models.topic_start import tilted_topics
from latentia.weights import log_weights


def one_by_one(x: Tensor, log_words: Tensor, concentration: float, tolerance: float, most_steps: int) -> Tensor:
    """The same search, a document at a time and in the plainest way."""
    found = []
    for row in x:
        gamma = torch.ones(len(log_words)).double()
        for step in range(1, most_steps + 1):
            last = gamma
            weight = torch.digamma(gamma).unsqueeze(-1) + log_words
            gamma = concentration + weight.softmax(0) @ row
            if (step % topic_search.LOOK_EVERY == 0 or step == most_steps) and (gamma - last).abs().mean() < tolerance:
                break
        found.append(gamma)
    return torch.stack(found)


@pytest.mark.parametrize("small", [0, 60, 10**9])
@pytest.mark.parametrize("cells", [40, 10**9])
@pytest.mark.parametrize("most_steps", [3, 30])
def test_lists_tables_and_chunks_find_what_a_plain_loop_finds(
    small: int, cells: int, most_steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic_search, "SMALL", small)
    monkeypatch.setattr(topic_search, "CELLS_AT_ONCE", cells)
    x, log_words = counts(50), torch.rand(T, V).double().log()
    x[7] = 0
    found = shares_of_topics(x, word_weights(log_words, torch.float64), 0.3, 1e-3, most_steps)
    assert_close(found, one_by_one(x, log_words, 0.3, 1e-3, most_steps), rtol=1e-9, atol=1e-9)


def test_each_document_is_searched_for_by_itself_and_equal_ones_once() -> None:
    x = counts(200, 4)
    rows, place = distinct(x)
    assert len(rows) == len(x.unique(dim=0)) < len(x)
    assert_close(rows[place], x)
    one = LatentDirichlet(T, 4).double()
    whole = one.variational_posterior(batch_of(x)).concentration
    for part in (x[17:18], x[5:60], x.flip(0)):
        found = one.variational_posterior(batch_of(part)).concentration
        want = {17: whole[17:18], 5: whole[5:60]}.get({1: 17, 55: 5}.get(len(part), 0), whole.flip(0))
        assert_close(found, want, rtol=1e-12, atol=1e-12)


def test_an_empty_document_keeps_its_prior() -> None:
    one = model()
    q = one.variational_posterior(batch_of(torch.zeros(2, V).double()))
    assert_close(q.concentration, torch.full((2, T), one.concentration).double())
    assert_close(one.row_bounds(batch_of(torch.zeros(2, V).double()), q), torch.zeros(2).double())


@pytest.mark.parametrize(("concentration", "words"), [(1e-3, 1e-3), (1e-2, 10.0), (50.0, 1e-2)])
def test_single_precision_stays_finite_where_chances_underflow(concentration: float, words: float) -> None:
    one = LatentDirichlet(30, 50, concentration, words)
    x = counts(100, 50).float()
    one.start_at(x)
    learner = CoordinateAscent(one)
    for _ in range(5):
        log = learner.step(batch_of(x))
        assert not bool(log["skipped"])
    q = one.variational_posterior(batch_of(x))
    assert bool(q.concentration.isfinite().all())
    assert_close(q.concentration.sum(1), x.sum(1) + 30 * concentration, rtol=1e-4, atol=1e-3)
    z = q.sample((3,))
    assert bool(log_weights(one, q, batch_of(x), z).isfinite().all())


def test_a_start_tilts_each_topic_towards_a_cluster() -> None:
    x = torch.zeros(30, 4)
    x[:15, :2], x[15:, 2:] = torch.randint(1, 5, (15, 2)).float(), torch.randint(1, 5, (15, 2)).float()
    topics = tilted_topics(x, 2)
    assert_close(topics.sum(1), torch.ones(2).double())
    first = topics[:, :2].sum(1)
    assert float(first.max()) > 0.52 > 0.48 > float(first.min())
    for odd in (torch.zeros(5, 4), torch.ones(1, 4), -torch.rand(6, 4), torch.eye(4)):
        found = tilted_topics(odd, 3)
        assert bool((found > 0).all())
        assert_close(found.sum(1), torch.ones(3).double())
