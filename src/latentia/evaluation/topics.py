"""What topics say: their words, how these go together, and how well held-out documents are foreseen."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from rich.table import Table
from torch import Tensor

from latentia.core.errors import DataError, LatentiaError
from latentia.data import Split
from latentia.distributions import MultinomialGivenTotal, log_orders
from latentia.evaluation.coherence import coherence, diversity, top_words
from latentia.evaluation.draws import quiet, row_totals
from latentia.models import Decoded, GenerativeModel, LatentDirichlet
from latentia.networks import TopicDecoder
from latentia.posteriors import Posterior

ROWS_AT_ONCE = 2_000


@dataclass(frozen=True)
class Topic:
    """One topic.

    Attributes:
        number: its place among the latents.
        share: of the held-out documents, on average.
        words: the likeliest first.
        npmi: coherence of these words in the training documents, in [-1, 1]; NaN where none of them meet any.
        umass: likewise; at most about 0.
    """

    number: int
    share: float
    words: tuple[str, ...]
    npmi: float
    umass: float


@dataclass(frozen=True)
class Topics:
    """All topics of a model, from the largest share to the smallest.

    Attributes:
        split: which documents were held out.
        documents: how many.
        draws: a document, for ``perplexity_at_means``.
        topics: each of them.
        diversity: share of different words among all topics' words.
        perplexity: exp(-bound / words) with the ELBO of a Bayesian model, its topics' KL included, as scikit-learn has it;
            None where the model has no such bound. Lower is better.
        perplexity_at_means: the same with the ELBO of documents alone, by draws, the topics standing at their means (or
            where training left them). For any topic model, and so the one to compare by.
    """

    split: str
    documents: int
    draws: int
    topics: tuple[Topic, ...]
    diversity: float
    perplexity: float | None
    perplexity_at_means: float

    @property
    def npmi(self) -> float:
        """Mean over topics."""
        return _mean([topic.npmi for topic in self.topics])

    @property
    def umass(self) -> float:
        """Mean over topics."""
        return _mean([topic.umass for topic in self.topics])

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, texts and lists; what is not finite becomes None."""
        out = {**asdict(self), "npmi": self.npmi, "umass": self.umass}
        out["topics"] = [{k: _plain(v) for k, v in asdict(topic).items()} for topic in self.topics]
        return {name: _plain(value) for name, value in out.items()}

    def table(self) -> Table:
        """For a terminal."""
        table = Table(title=f"{len(self.topics)} topics", title_justify="left", caption=self._caption())
        table.caption_justify = "left"
        for name, justify in (
            ("topic", "right"),
            ("share", "right"),
            ("NPMI", "right"),
            ("UMass", "right"),
            ("words", "left"),
        ):
            table.add_column(name, justify=justify)  # pyright: ignore[reportArgumentType]  rich's literal
        for topic in self.topics:
            numbers = (f"{topic.number}", f"{topic.share:.1%}", f"{topic.npmi:.3f}", f"{topic.umass:.2f}")
            table.add_row(*numbers, " ".join(topic.words))
        return table

    def _caption(self) -> str:
        own = "" if self.perplexity is None else f"perplexity {self.perplexity:.2f}, "
        return (
            f"NPMI {self.npmi:.3f} and UMass {self.umass:.2f} on training rows, diversity {self.diversity:.2f}\n"
            f"{self.split}, {self.documents} rows: {own}{self.perplexity_at_means:.2f} with topics at their means"
        )


def topics_of(
    model: GenerativeModel,
    posterior: Posterior,
    train: Split,
    held_out: Split,
    names: Sequence[str] | None = None,
    n_words: int = 10,
    split: str = "test",
    draws: int = 100,
    seed: int = 0,
) -> Topics:
    """Every topic of a model with its words, coherence on training documents, and perplexity on held-out ones.

    Args:
        model: p.
        posterior: q.
        train: documents to count words together in.
        held_out: documents to measure on.
        names: the words; numbers unless given.
        n_words: words a topic.
        split: what to call the held-out documents.
        draws: a document, for ``perplexity_at_means``.
        seed: of the draws.

    Raises:
        LatentiaError: the model has no topics, or not so many words.
        DataError: documents without a word.
    """
    with quiet(model, posterior, seed):
        chances = word_chances(model).double().cpu()
        words = top_words(chances, n_words)
        found = coherence(words, train.values().cpu())
        shares = torch.cat([_shares(model, posterior, held_out, rows) for rows in _places(held_out)]).mean(0)
        at_means = perplexity_at_means(model, posterior, held_out, draws)
        own = perplexity(model, posterior, held_out) if isinstance(model, LatentDirichlet) else None
    told = [str(w) for w in range(chances.shape[1])] if names is None else list(names)
    each = [
        Topic(k, float(shares[k]), tuple(told[w] for w in words[k].tolist()), float(found.npmi[k]), float(found.umass[k]))
        for k in shares.argsort(descending=True).tolist()
    ]
    return Topics(split, len(held_out), draws, tuple(each), diversity(words), own, at_means)


def word_chances(model: GenerativeModel) -> Tensor:
    """Each word's chance in a document of each topic alone: (T, V), rows summing to 1.

    Raises:
        LatentiaError: the model has no topics.
    """
    if isinstance(model, LatentDirichlet):
        return model.topics
    if isinstance(model, Decoded) and isinstance(model.network, TopicDecoder):
        mean = model.likelihood(model.network.corners().unsqueeze(0)).mean.squeeze(0).flatten(1)
        return mean / mean.sum(1, keepdim=True)
    raise LatentiaError(f"{type(model).__name__} has no topics; fit model=lda, or one with model.network=topics.")


@torch.no_grad()
def perplexity(model: LatentDirichlet, posterior: Posterior, split: Split) -> float:
    """exp(-ELBO / words) of documents as sequences of words, the topics' KL included: scikit-learn's definition.

    The order of words is given, so that the multinomial's coefficient does not count. Few documents bear the whole of the
    topics' KL: figures from different numbers of documents do not compare.

    Raises:
        DataError: documents without a word.
    """
    bound = -model.topics_divergence()
    for rows in _places(split):
        batch = split.batch(rows)
        bound = bound + (model.row_bounds(batch, posterior.infer(model, batch)) - log_orders(batch.x.double())).sum()
    return math.exp(-float(bound) / _words(split))


@torch.no_grad()
def perplexity_at_means(model: GenerativeModel, posterior: Posterior, split: Split, draws: int = 100) -> float:
    """exp(-ELBO / words) of documents as sequences of words, by draws, for topics that stand where they are.

    Raises:
        LatentiaError: the likelihood is not of counts given their total.
        DataError: documents without a word.
    """
    likelihood = model.likelihood(model.sample_prior(1).unsqueeze(0))
    if not isinstance(likelihood, MultinomialGivenTotal):
        raise LatentiaError(
            f"perplexity is of counts given their total, {type(likelihood).__name__} is not; use 'multinomial'."
        )
    orders = torch.cat([log_orders(split.batch(rows).x.double()) for rows in _places(split)])
    return math.exp(-float((row_totals(model, posterior, split, draws).elbo - orders).sum()) / _words(split))


def _shares(model: GenerativeModel, posterior: Posterior, split: Split, rows: Tensor) -> Tensor:
    """The topics' shares of documents where q has its mean, (B, T) on the CPU."""
    mean = posterior.infer(model, split.batch(rows)).mean
    return (mean if isinstance(model, LatentDirichlet) else mean.softmax(-1)).cpu()


def _places(split: Split) -> tuple[Tensor, ...]:
    return torch.arange(len(split), device=split.device).split(ROWS_AT_ONCE)


def _words(split: Split) -> float:
    words = float(split.values().sum(dtype=torch.float64))
    if not words > 0:
        raise DataError("perplexity is a figure a word, and these documents hold none; give other rows.")
    return words


def _mean(values: list[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return sum(known) / len(known) if known else math.nan


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
