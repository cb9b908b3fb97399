"""Coherence by hand on a few documents, perplexity as scikit-learn has it, and topics in words."""

import io
import json
import math
from collections.abc import Callable

import pytest
import torch
from rich.console import Console
from sklearn.decomposition import LatentDirichletAllocation
from torch import Tensor
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from latentia.core import Batch
from latentia.core.errors import DataError, LatentiaError
from latentia.data import Split
from latentia.distributions import log_orders
from latentia.evaluation import (
    coherence,
    diversity,
    perplexity,
    perplexity_at_means,
    top_words,
    topics_of,
    word_chances,
)
from latentia.families import DiagonalNormal, Multinomial, Normal
from latentia.models import PPCA, Decoded, LatentDirichlet
from latentia.networks import MLP, TopicDecoder, TopicEncoder
from latentia.posteriors import Amortized, Exact, VariationalFactor
from latentia.priors import LaplaceDirichlet, StandardNormal
from latentia.weights import log_weights

# Eight documents of five words: 0 and 1 often together, 2 alone, 3 in every document, 4 in none.
DOCUMENTS = torch.tensor(
    [
        [1, 2, 0, 1, 0],
        [1, 1, 0, 3, 0],
        [3, 0, 0, 1, 0],
        [0, 1, 0, 1, 0],
        [0, 0, 1, 1, 0],
        [0, 0, 1, 1, 0],
        [0, 0, 0, 1, 0],
        [0, 0, 0, 2, 0],
    ]
).float()


def test_npmi_is_the_one_counted_by_hand() -> None:
    """0 and 1: each in 3 of 8, together in 2. 0 and 2 never meet. 3 is everywhere, so that it says nothing of 0."""
    pair = math.log((2 / 8) / (3 / 8 * 3 / 8)) / -math.log(2 / 8)
    words = torch.tensor([[0, 1], [2, 0], [3, 0], [4, 0], [3, 3]])
    want = torch.tensor([pair, -1.0, 0.0, math.nan, 1.0]).double()
    assert_close(coherence(words, DOCUMENTS).npmi, want, equal_nan=True)
    three = coherence(torch.tensor([[0, 1, 2]]), DOCUMENTS).npmi
    assert_close(three, torch.tensor([(pair - 1 - 1) / 3]).double(), msg="the mean over pairs")
    with_unknown = coherence(torch.tensor([[0, 4, 1]]), DOCUMENTS).npmi
    assert_close(with_unknown, torch.tensor([pair]).double(), msg="a word of no document is left out")


def test_umass_asks_of_the_less_likely_word_how_often_it_comes_with_the_likelier() -> None:
    """Mimno et al. (2011): log (D(less, more) + 1) / D(more), here as a mean over pairs."""
    words = torch.tensor([[0, 1, 2], [3, 0, 1], [0, 3, 1]])
    want = [
        (math.log(3 / 3) + math.log(1 / 3) + math.log(1 / 3)) / 3,
        (math.log(4 / 8) + math.log(4 / 8) + math.log(3 / 3)) / 3,
        (math.log(4 / 3) + math.log(3 / 3) + math.log(4 / 8)) / 3,
    ]
    assert_close(coherence(words, DOCUMENTS).umass, torch.tensor(want).double())


def test_the_coherence_of_many_topics_is_that_of_each() -> None:
    documents = (torch.rand(100, 30) < 0.2).float()
    words = torch.rand(6, 30).argsort(1)[:, :5]
    whole = coherence(words, documents)
    for k in range(6):
        alone = coherence(words[k : k + 1], documents)
        assert_close(alone.npmi[0], whole.npmi[k])
        assert_close(alone.umass[0], whole.umass[k])


def test_words_drawn_apart_have_no_coherence() -> None:
    """False alarm: 1e-6 (the seed is fixed). 200 pairs of independent words in 20,000 documents."""
    documents = (torch.rand(20_000, 400) < 0.3).float()
    found = coherence(torch.arange(400).reshape(200, 2), documents).npmi
    assert_mean_is(found.unsqueeze(1), torch.zeros(1).double(), "NPMI", size=1.0)


def test_top_words_and_diversity() -> None:
    topics = torch.tensor([[0.1, 0.6, 0.3, 0.0], [0.4, 0.4, 0.1, 0.1]])
    assert top_words(topics, 2).tolist() == [[1, 2], [0, 1]], "ties by their place"
    assert diversity(torch.tensor([[0, 1], [2, 3]])) == 1
    assert diversity(torch.tensor([[0, 1], [1, 0], [0, 1]])) == pytest.approx(1 / 3)


def fitted() -> tuple[LatentDirichlet, LatentDirichletAllocation, Tensor]:
    x = torch.poisson(torch.rand(3, 8)[torch.randint(3, (50,))] ** 3 * 4).double()
    theirs = LatentDirichletAllocation(3, max_iter=4, random_state=0, mean_change_tol=1e-10, max_doc_update_iter=5_000)
    theirs.fit(x.numpy())
    ours = LatentDirichlet(3, 8, tolerance=1e-10, most_steps=5_000).double()
    ours.concentrations.copy_(torch.from_numpy(theirs.components_))
    return ours, theirs, x


def test_perplexity_is_scikit_learn_s() -> None:
    ours, theirs, x = fitted()
    for rows in (x, torch.poisson(torch.rand(300, 8)).double()):
        found = perplexity(ours, VariationalFactor(), Split(rows.float()))
        assert found == pytest.approx(theirs.perplexity(rows.numpy()), rel=1e-6)


def test_perplexity_at_means_is_of_the_bound_by_draws() -> None:
    """A prior that holds shares near even leaves every document the topics' average, but for about 0.1% of its nats."""
    one = LatentDirichlet(2, 5, concentration=300.0)
    one.concentrations.copy_(torch.rand(2, 5) + 0.2)
    x = torch.poisson(torch.ones(40, 5))
    chance = one.topics.mean(0)
    want = math.exp(-float((x @ chance.log()).sum() / x.sum()))
    assert perplexity_at_means(one, VariationalFactor(), Split(x), 50) == pytest.approx(want, rel=5e-3)


def decoded() -> tuple[Decoded, Amortized]:
    model = Decoded(LaplaceDirichlet(3), TopicDecoder(3, 5), Multinomial())
    return model, Amortized(TopicEncoder(5, 3, per_value=2, hidden=[4]), DiagonalNormal())


def test_any_topic_model_with_an_encoder_has_the_same_figures() -> None:
    """False alarm: well below 1e-6. One draw more or less moves the bound of 40 rows by far less than what is allowed."""
    model, posterior = decoded()
    model.eval()
    posterior.eval()
    documents = Split(DOCUMENTS.repeat(5, 1))
    found = topics_of(model, posterior, documents, documents, "abcde", 3, draws=400)
    assert found.perplexity is None
    assert sum(topic.share for topic in found.topics) == pytest.approx(1, abs=1e-5)
    batch = Batch(documents.values(), torch.arange(40), 40)
    with torch.no_grad():
        q = posterior.infer(model, batch)
        bound = log_weights(model, q, batch, q.sample((4_000,))).mean(0) - log_orders(batch.x)
        want = math.exp(-float(bound.sum() / batch.x.sum()))
        assert found.perplexity_at_means == pytest.approx(want, rel=0.03)
        chances = word_chances(model)
        assert_close(chances.sum(1), torch.ones(3))
        assert_close(chances, model.network.raw(1e4 * torch.eye(3)).squeeze(1).softmax(-1))


def test_topics_are_told_in_words_from_the_largest_to_the_smallest() -> None:
    one = LatentDirichlet(2, 5, concentration=0.1)
    one.concentrations.copy_(torch.tensor([[9.0, 8, 0.1, 0.1, 0.1], [0.1, 0.1, 5, 9, 0.1]]))
    names = ("apple", "pear", "bolt", "nut", "none")
    found = topics_of(one, VariationalFactor(), Split(DOCUMENTS), Split(DOCUMENTS), names, 2, "valid", draws=5)
    assert [topic.words for topic in found.topics] == [("nut", "bolt"), ("apple", "pear")]
    assert [topic.number for topic in found.topics] == [1, 0]
    assert found.topics[0].share > found.topics[1].share
    assert found.topics[1].npmi == pytest.approx(math.log(16 / 9) / math.log(4))
    assert found.diversity == 1
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["topics"][0]["words"] == ["nut", "bolt"]
    assert told["npmi"] == pytest.approx(found.npmi)
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(found.table())
    text = console.export_text()
    for word in ("nut bolt", "valid, 8 rows", f"perplexity {found.perplexity:.2f}", "NPMI"):
        assert word in text
    unnamed = topics_of(one, VariationalFactor(), Split(DOCUMENTS), Split(DOCUMENTS), None, 4, draws=5)
    assert unnamed.topics[0].words[:2] == ("3", "2")


def test_what_no_pair_can_say_is_no_number() -> None:
    one = LatentDirichlet(2, 5)
    found = topics_of(one, VariationalFactor(), Split(torch.eye(5)[:1]), Split(DOCUMENTS), None, 2, draws=5)
    assert math.isnan(found.npmi)
    assert found.to_dict()["npmi"] is None


@pytest.mark.parametrize(
    ("wrong", "kind", "said"),
    [
        (lambda: top_words(torch.rand(2, 5), 1), LatentiaError, "from 2 to the 5"),
        (lambda: top_words(torch.rand(2, 5), 6), LatentiaError, "6 words a topic"),
        (lambda: coherence(torch.tensor([[0, 1]]), torch.zeros(0, 5)), DataError, "there are none"),
        (lambda: word_chances(PPCA(2, 5)), LatentiaError, "PPCA has no topics; fit model=lda"),
        (
            lambda: word_chances(Decoded(StandardNormal(2), MLP(2, [], 5), Multinomial())),
            LatentiaError,
            "model.network=topics",
        ),
        (lambda: perplexity_at_means(PPCA(2, 5), Exact(), Split(DOCUMENTS)), LatentiaError, "use 'multinomial'"),
        (
            lambda: perplexity(LatentDirichlet(2, 5), VariationalFactor(), Split(torch.zeros(3, 5))),
            DataError,
            "hold none",
        ),
        (
            lambda: perplexity_at_means(Decoded(StandardNormal(2), MLP(2, [], 5), Normal()), Exact(), Split(DOCUMENTS)),
            LatentiaError,
            "counts given their total",
        ),
    ],
)
def test_what_has_no_answer_is_refused(wrong: Callable[[], object], kind: type[LatentiaError], said: str) -> None:
    with pytest.raises(kind, match=said):
        wrong()
