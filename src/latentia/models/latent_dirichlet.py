"""Latent Dirichlet allocation: a document is a mixture of topics, a topic is a distribution over words.

Blei, Ng & Jordan (2003), Latent Dirichlet Allocation; Hoffman, Blei & Bach (2010), Online Learning for Latent Dirichlet
Allocation; Hoffman et al. (2013), Stochastic Variational Inference.
"""

import math

import torch
from torch import Size, Tensor
from torch.distributions import Dirichlet, Distribution, kl_divergence

from latentia.core import Batch
from latentia.core.errors import LatentiaError, NoClosedForm, ShapeError
from latentia.distributions import MultinomialGivenTotal
from latentia.models.base import GenerativeModel
from latentia.models.bayesian_pca import no_such_factor, require_positive
from latentia.models.topic_search import Words, expected_log, shares_of_topics, topic_weights, word_weights
from latentia.models.topic_start import tilted_topics

WORDS_IF_UNSEEN = 10


class LatentDirichlet(GenerativeModel):
    """topic_k ~ Dirichlet(word_concentration), z ~ Dirichlet(concentration), x | z ~ Multinomial(its total, z topics).

    z (T,) are a document's shares of the topics, x (V,) how often each word is in it. From which topic a word was drawn is
    summed out. The posterior is q(Z) q(topics), both Dirichlet; q(topics) is a buffer, (T, V) ``concentrations``, which
    ``CoordinateAscent`` moves with all rows and ``NaturalGradient`` with some. As a generative model of x it stands at
    E topics. A row is scored given its total, so that nothing is said of how long documents are.

    Args:
        n_latents: T, the number of topics.
        n_values: V, the number of words.
        concentration: of a document's shares; 1 / T if None. Small means few topics a document.
        word_concentration: of a topic's words; 1 / T if None.
        total: words in a document that is drawn; None for the mean of the training rows.
        tolerance: a document's search ends where its concentrations move by less, on average over topics; in words.
        most_steps: iterations of such a search at most.

    Raises:
        ShapeError: fewer than two topics or words.
        LatentiaError: a prior's number or a tolerance that is not positive, or fewer than 1 step or word.
    """

    factors = ("topics",)
    alpha: Tensor
    concentrations: Tensor
    mean_total: Tensor

    def __init__(
        self,
        n_latents: int,
        n_values: int,
        concentration: float | None = None,
        word_concentration: float | None = None,
        total: int | None = None,
        tolerance: float = 1e-3,
        most_steps: int = 100,
    ) -> None:
        super().__init__()
        if n_latents < 2 or n_values < 2:
            raise ShapeError(
                f"LatentDirichlet needs 2 topics and 2 words at least, got {n_latents} topics of {n_values} words."
            )
        self.n_latents, self.n_values = n_latents, n_values
        self.concentration = 1 / n_latents if concentration is None else concentration
        self.word_concentration = 1 / n_latents if word_concentration is None else word_concentration
        self.total, self.tolerance, self.most_steps = total, tolerance, most_steps
        require_positive(concentration=self.concentration, word_concentration=self.word_concentration, tolerance=tolerance)
        for name, value in (("total", total), ("most_steps", most_steps)):
            if value is not None and value < 1:
                raise LatentiaError(f"{name} is {value}, wanted at least 1.")
        self.register_buffer("alpha", torch.full((n_latents,), self.concentration), persistent=False)
        self.register_buffer("concentrations", torch.distributions.Gamma(100.0, 100.0).sample((n_latents, n_values)))
        self.register_buffer("mean_total", torch.tensor(float(WORDS_IF_UNSEEN)))
        self.x_shape, self.z_shape = Size((n_values,)), Size((n_latents,))

    @property
    def topics(self) -> Tensor:
        """E topics, the share of each word in each of them: (T, V)."""
        return self.concentrations / self.concentrations.sum(1, keepdim=True)

    def prior(self, given: Tensor | None = None) -> Dirichlet:
        return Dirichlet(self.alpha, validate_args=False)

    def likelihood(self, z: Tensor, given: Tensor | None = None) -> MultinomialGivenTotal:
        total = self.mean_total.round().clamp_min(1) if self.total is None else self.total
        return MultinomialGivenTotal((z @ self.topics).log(), total, validate_args=False)

    def variational_posterior(self, batch: Batch) -> Dirichlet:
        """q(Z) given q(topics), each document searched for from equal shares: batch (B,), event (T,).

        A document's bound has several maxima where concentrations are small; ``better_of`` compares two that were found.

        Raises:
            NoClosedForm: the batch has a mask, which this model does not cover.
        """
        if batch.mask is not None:
            raise NoClosedForm("LatentDirichlet's updates are written for complete rows; give every word its count.")
        words = word_weights(self._log_words(), batch.x.dtype)
        found = shares_of_topics(batch.x, words, self.concentration, self.tolerance, self.most_steps)
        return Dirichlet(found, validate_args=False)

    def better_of(self, batch: Batch, one: Distribution, other: Distribution) -> Dirichlet:
        """Row by row the q(Z) with the higher bound for q(topics) as it is: batch (B,), event (T,)."""
        better = self.row_bounds(batch, one) >= self.row_bounds(batch, other)
        return Dirichlet(torch.where(better.unsqueeze(-1), _gamma(one), _gamma(other)), validate_args=False)

    def update(self, factor: str, batch: Batch, q: Distribution) -> None:
        """Put q(topics), in place, at its best for the topic of each word as q(Z) and q(topics) so far say it.

        That raises the bound, from which the topic of each word is summed out, or leaves it where it is stationary.

        Raises:
            LatentiaError: no such factor.
            NoClosedForm: q is not a ``Dirichlet``.
        """
        self.natural_step(factor, batch, q, 1.0)

    @torch.no_grad()
    def natural_step(self, factor: str, batch: Batch, q: Distribution, rate: float) -> None:
        """Move q(topics), in place, by ``rate`` of the way to where ``update`` would put it, were all rows like these.

        Raises:
            LatentiaError: no such factor.
            NoClosedForm: q is not a ``Dirichlet``.
        """
        gamma = _gamma(q).double()
        if factor != "topics":
            raise no_such_factor(self, factor)
        words, shares, entries = word_weights(self._log_words(), torch.float64), topic_weights(gamma), Words.of(batch.x)
        per_weight = entries.times.double() / entries.weights(shares, words)
        # Of each word, how often it is expected to come from each topic.
        by_word = torch.zeros_like(words).index_add_(0, entries.word, per_weight.unsqueeze(-1) * shares[entries.document])
        counts = (by_word * words).T
        found = self.word_concentration + batch.n_rows / len(batch.x) * counts
        self.concentrations.copy_(self.concentrations.double().lerp_(found, rate))

    @torch.no_grad()
    def row_bounds(self, batch: Batch, q: Distribution) -> Tensor:
        """Each document's part of the bound, E_q[log p(x | z, topics)] - KL(q(z) || p(z)): (B,) nats in float64.

        Raises:
            NoClosedForm: q is not a ``Dirichlet``.
        """
        gamma, log_words, entries = _gamma(q).double(), self._log_words(), Words.of(batch.x)
        times, total = entries.times.double(), batch.x.sum(-1, dtype=torch.float64)
        log_shares = expected_log(gamma)
        top_share = log_shares.amax(-1, keepdim=True)
        weight = entries.weights((log_shares - top_share).exp(), word_weights(log_words, torch.float64))
        # Put back what the weights were scaled by: the largest of a document's shares, and of a word's chances.
        each = times * (weight.log() + log_words.amax(0)[entries.word]) - torch.lgamma(times + 1)
        fit = (torch.lgamma(total + 1) + total * top_share.squeeze(-1)).index_add(0, entries.document, each)
        # KL(q(z) || p(z)) by hand: its digammas, half of the work, are known already.
        alpha, n = self.concentration, self.n_latents
        kl = torch.lgamma(gamma.sum(-1)) - torch.lgamma(gamma).sum(-1) + ((gamma - alpha) * log_shares).sum(-1)
        return fit - kl + math.lgamma(n * alpha) - n * math.lgamma(alpha)

    @torch.no_grad()
    def topics_divergence(self) -> Tensor:
        """KL(q(topics) || p(topics)): () nats in float64."""
        wide = self.concentrations.double()
        prior = Dirichlet(torch.full_like(wide, self.word_concentration), validate_args=False)
        return kl_divergence(Dirichlet(wide, validate_args=False), prior).sum()

    def elbo(self, batch: Batch, q: Distribution) -> Tensor:
        """The bound on log p(x_1 ... x_N given their totals): () nats in float64.

        Where the batch holds only some of the N rows, an estimate from them.

        Raises:
            NoClosedForm: q is not a ``Dirichlet``.
        """
        return batch.n_rows / len(batch.x) * self.row_bounds(batch, q).sum() - self.topics_divergence()

    def start_at(self, x: Tensor) -> None:
        """Begin at the words' frequencies, each topic tilted towards a cluster of documents; see ``topic_start``."""
        with torch.no_grad():
            topics = tilted_topics(x, self.n_latents)
            self.concentrations.copy_(self.word_concentration + self.n_values * topics)
            self.mean_total.copy_(x.sum(1).mean())

    def _log_words(self) -> Tensor:
        """E log topics, (T, V) in float64."""
        return expected_log(self.concentrations.double())


def _gamma(q: Distribution) -> Tensor:
    if not isinstance(q, Dirichlet):
        raise NoClosedForm(
            f"LatentDirichlet's updates need a Dirichlet q(z), got {type(q).__name__}; use variational_posterior."
        )
    return q.concentration
