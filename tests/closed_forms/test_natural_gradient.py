"""Natural gradients: a sweep at rate 1, the Fisher information's way, and unbiased over the parts of a split."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Dirichlet
from torch.testing import assert_close

from helpers.documents import N, T, V, batch_of, counts, model
from latentia.core.errors import LatentiaError, NoClosedForm
from latentia.families import DiagonalNormal
from latentia.learners import CoordinateAscent, NaturalGradient
from latentia.models import BayesianPCA, LatentDirichlet
from latentia.networks import MLP
from latentia.posteriors import Amortized, VariationalFactor


def test_at_rate_1_with_all_rows_a_natural_step_is_a_sweep() -> None:
    one, other, batch = model(), model(), batch_of(counts())
    other.load_state_dict(one.state_dict())
    natural = NaturalGradient(one, delay=1.0)
    logs = natural.step(batch), CoordinateAscent(other).step(batch)
    assert_close(one.concentrations, other.concentrations)
    assert_close(logs[0]["bound"], logs[1]["bound"])
    assert_close(logs[0]["rate"], logs[1]["rate"])
    assert natural.lr == 2**-0.7


def test_the_natural_gradient_is_the_inverse_fisher_information_times_the_slope() -> None:
    """In the natural parameters, at the best q(z), with the topic of each word held: the step is rate times that product."""
    one, batch = model(), batch_of(counts())
    CoordinateAscent(one).step(batch)
    q, start = one.variational_posterior(batch), one.concentrations.clone()

    def bound(natural: Tensor) -> Tensor:
        """E_q[log p(x, topic of each word, z, topics) - log q(topics)] but for what is constant in q(topics)."""
        wide = natural.reshape(T, V)
        log_words = torch.digamma(wide) - torch.digamma(wide.sum(1, keepdim=True))
        prior = torch.full_like(wide, one.word_concentration)
        kl = torch.distributions.kl_divergence(Dirichlet(wide), Dirichlet(prior)).sum()
        return (tally * log_words).sum() - kl

    held = torch.digamma(q.concentration).unsqueeze(-1) + (
        torch.digamma(start) - torch.digamma(start.sum(1, keepdim=True))
    )  # (N, T, V): log of how a word's topic is shared out, unnormalized
    tally = (held.softmax(1) * batch.x.unsqueeze(1)).sum(0)
    slope = torch.autograd.functional.jacobian(bound, start.flatten())
    log_normalizer = lambda c: torch.lgamma(c.reshape(T, V)).sum() - torch.lgamma(c.reshape(T, V).sum(1)).sum()  # noqa: E731
    fisher = torch.autograd.functional.hessian(log_normalizer, start.flatten())
    one.natural_step("topics", batch, q, 0.3)
    assert_close(one.concentrations, start + 0.3 * torch.linalg.solve(fisher, slope).reshape(T, V), rtol=1e-6, atol=1e-8)  # pyright: ignore[reportArgumentType]


def test_steps_from_the_parts_of_a_split_average_to_the_step_from_all_of_it() -> None:
    one, x = model(), counts()
    start, ends = one.concentrations.clone(), []
    for part in (*x.split(10), x):
        one.concentrations.copy_(start)
        batch = batch_of(part, n_rows=N)
        one.natural_step("topics", batch, one.variational_posterior(batch), 0.4)
        ends.append(one.concentrations.clone())
    assert_close(torch.stack(ends[:-1]).mean(0), ends[-1])


def test_rates_fall_as_said_and_a_step_not_taken_counts_for_nothing() -> None:
    learner, batch = NaturalGradient(model(), delay=4.0, forgetting=0.6), batch_of(counts())
    assert learner.lr == 4.0**-0.6
    learner.step(batch)
    assert learner.lr == 5.0**-0.6
    assert bool(learner.step(batch._replace(x=batch.x * torch.nan))["skipped"])
    assert learner.lr == 5.0**-0.6


def test_a_learner_takes_the_posterior_that_a_recipe_names() -> None:
    posterior = VariationalFactor()
    assert CoordinateAscent(model(), posterior).posterior is posterior
    assert NaturalGradient(model(), posterior).posterior is posterior


def amortized() -> Amortized:
    return Amortized(MLP(V, [], T, per_value=2), DiagonalNormal())


@pytest.mark.parametrize(
    ("wrong", "kind", "said"),
    [
        (lambda: NaturalGradient(LatentDirichlet(T, V), delay=0.5), LatentiaError, "delay is 0.5"),
        (lambda: NaturalGradient(LatentDirichlet(T, V), forgetting=1.5), LatentiaError, "forgetting 1.5"),
        (lambda: NaturalGradient(BayesianPCA(T, V)), NoClosedForm, "natural_step, which BayesianPCA lacks"),
        (lambda: NaturalGradient(model(), amortized()), LatentiaError, "natural gradient asks the model"),
        (lambda: CoordinateAscent(model(), amortized()), LatentiaError, "would not use Amortized"),
    ],
)
def test_what_cannot_be_is_refused(wrong: Callable[[], object], kind: type[LatentiaError], said: str) -> None:
    with pytest.raises(kind, match=said):
        wrong()
