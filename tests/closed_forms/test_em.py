"""Expectation-maximization: what it reports, what it never does, and where it ends."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, MultivariateNormal, kl_divergence
from torch.testing import assert_close

from helpers.digits import digits
from latentia.core import Batch
from latentia.core.errors import LatentiaError, NoClosedForm
from latentia.data import from_arrays
from latentia.families import Bernoulli, DiagonalNormal
from latentia.learners import ExpectationMaximization, LearningRate
from latentia.models import PPCA, Decoded, FactorAnalysis, GaussianMixture, GenerativeModel, HasMStep
from latentia.networks import MLP
from latentia.posteriors import Amortized, PerDatum
from latentia.priors import StandardNormal
from latentia.training import train

D, V, N = 2, 5, 60

MAKERS: dict[str, Callable[[], GenerativeModel]] = {
    "ppca": lambda: PPCA(D, V),
    "factor-analysis": lambda: FactorAnalysis(D, V),
    "full mixture": lambda: GaussianMixture(3, V, "full"),
    "diagonal mixture": lambda: GaussianMixture(3, V, "diagonal"),
}
every_model = pytest.mark.parametrize("name", MAKERS)


def rows(n: int = N) -> Tensor:
    """(n, V): correlated, skewed, away from zero; nothing that any of the models is right about."""
    mix = torch.randn(V, V, dtype=torch.float64)
    return torch.randn(n, V, dtype=torch.float64).abs() @ mix + 3 * torch.randn(V, dtype=torch.float64)


def batch_of(x: Tensor) -> Batch:
    return Batch(x, torch.arange(len(x)), len(x))


def numbers(learner: ExpectationMaximization) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in learner.modules.state_dict().items()}


@every_model
def test_the_likelihood_never_falls(name: str) -> None:
    """Twenty data sets and starts, twenty steps each, from parameters that have seen no more than the mean."""
    for seed in range(20):
        torch.manual_seed(seed)
        model, batch = MAKERS[name]().double(), batch_of(rows())
        with torch.no_grad():
            model.get_parameter("mean").add_(batch.x.mean(0))  # or a component may answer for no row
        learner = ExpectationMaximization(model)
        bounds = torch.stack([learner.step(batch)["bound"] for _ in range(20)])
        falls = (bounds[:-1] - bounds[1:]) / bounds[:-1].abs()
        assert float(falls.max()) < 1e-10, f"seed {seed}, step {int(falls.argmax())}"
        assert float(bounds[-1]) > float(bounds[0])


@every_model
def test_a_step_reports_the_evidence_and_the_divergence_from_before_it(name: str) -> None:
    """log p(x) from the joint and the posterior at one z; the divergence by enumeration or between two dense normals."""
    model, batch = MAKERS[name]().double(), batch_of(rows())
    model.start_at(batch.x)
    learner = ExpectationMaximization(model)
    for _ in range(2):
        with torch.no_grad():
            q = learner.posterior.infer(model, batch)
            z = q.sample((1,))
            evidence = (model.log_joint(z, batch) - q.log_prob(z)).mean()
            if isinstance(q, Categorical):
                log_prior = model.prior().log_prob(torch.arange(3))
                divergence = (q.probs * (q.logits - log_prior)).sum(-1).mean()
            else:
                standard = MultivariateNormal(torch.zeros(D).double(), torch.eye(D).double())
                divergence = kl_divergence(q, standard).mean()
        log = learner.step(batch)
        assert_close(log["bound"], evidence, rtol=1e-9, atol=0)
        assert_close(log["rate"], divergence, rtol=1e-9, atol=1e-12)
        assert (float(log["grad_norm"]), bool(log["skipped"])) == (0.0, False)
        assert all(value.shape == () and not value.requires_grad for value in log.values())
    assert (learner.steps, learner.lr, learner.effective_beta, learner.warm_up_steps) == (2, 1.0, 1.0, 0)


def test_a_step_on_ppca_is_tipping_and_bishop_s_whatever_the_mean_was_before() -> None:
    """Their equations 29 and 30, which work on S, the covariance of the rows."""
    model, x = PPCA(D, V).double(), rows()
    S, W, eye = torch.cov(x.T, correction=0), model.weight.detach().clone(), torch.eye(D).double()
    with torch.no_grad():
        model.mean.normal_()
        model.log_sigma.fill_(0.3)
    variance = torch.tensor(0.6, dtype=torch.float64).exp()
    M = W.T @ W + variance * eye
    weight = S @ W @ torch.linalg.inv(variance * eye + torch.linalg.inv(M) @ W.T @ S @ W)
    noise = torch.trace(S - S @ W @ torch.linalg.inv(M) @ weight.T) / V
    ExpectationMaximization(model).step(batch_of(x))
    assert_close(model.weight.detach(), weight, rtol=1e-10, atol=1e-12)
    assert_close((2 * model.log_sigma).exp().detach(), noise, rtol=1e-10, atol=0)
    assert_close(model.mean.detach(), x.mean(0))


@pytest.mark.parametrize("n_latents", [1, 5])
def test_em_on_ppca_ends_at_the_maximum_likelihood(n_latents: int) -> None:
    """Within 1e-4 nats a row, on digits; five latents were within 2e-6 after fifty steps."""
    x = digits()
    model = PPCA(n_latents, 64).double()
    model.start_at(x)
    learner = ExpectationMaximization(model)
    for _ in range(60):
        learner.step(batch_of(x))
    with torch.no_grad():
        best = float(PPCA.maximum_likelihood(x, n_latents).log_marginal(x).mean())
        assert best - 1e-4 < float(model.log_marginal(x).mean()) < best + 1e-9


@every_model
def test_a_maximum_stands_still_and_has_no_slope(name: str) -> None:
    """The gradient is the check that the M step cannot fool: it is taken of log p(x) by itself."""
    # Rows with two factors and as much noise in each value, so that no psi runs to its floor, where there is a slope.
    batch = batch_of(torch.randn(100, D).double() @ torch.randn(D, V).double() + torch.randn(100, V).double())
    model = MAKERS[name]().double()
    model.start_at(batch.x)
    learner = ExpectationMaximization(model)
    bound, gain, steps = learner.step(batch)["bound"], 1.0, 0
    while gain > 1e-13 and steps < 1_000:
        after = learner.step(batch)["bound"]
        bound, gain, steps = after, float(after - bound), steps + 1
    assert gain <= 1e-13, "it should have come to rest"
    assert isinstance(model, HasMStep)
    model.log_marginal(batch.x).mean().backward()
    for parameter, value in model.named_parameters():
        assert value.grad is not None
        assert_close(value.grad, torch.zeros_like(value), rtol=0, atol=1e-4, msg=parameter)


@every_model
def test_single_precision_follows_double_precision(name: str) -> None:
    """Rows far from zero: centered in float64 they keep their spread."""
    x = rows() + 300
    start = MAKERS[name]().double()
    start.start_at(x)
    ends = []
    for dtype in (torch.float64, torch.float32):
        model = MAKERS[name]().to(dtype)
        model.load_state_dict(start.state_dict())
        learner = ExpectationMaximization(model)
        log = {}
        for _ in range(10):
            log = learner.step(batch_of(x.to(dtype)))
        ends.append(log["bound"].double())
        assert log["bound"].dtype == dtype
    assert_close(ends[1], ends[0], rtol=0, atol=5e-3)


@every_model
def test_the_m_step_on_single_precision_rows_is_the_double_one_rounded(name: str) -> None:
    x, wide, narrow = (rows() + 300).float(), MAKERS[name]().double(), MAKERS[name]()
    wide.start_at(x.double())
    assert isinstance(wide, HasMStep)
    assert isinstance(narrow, HasMStep)
    with torch.no_grad():
        q = wide.exact_posterior(batch_of(x.double()))
    wide.maximize(x.double(), q)
    narrow.maximize(x, q)
    for parameter, value in narrow.named_parameters():
        assert torch.equal(value, wide.get_parameter(parameter).float()), parameter


@every_model
@pytest.mark.parametrize("poison", [torch.nan, torch.inf])
def test_a_step_on_a_bad_row_is_skipped_without_a_trace(name: str, poison: float) -> None:
    model, good = MAKERS[name]().double(), batch_of(rows())
    model.start_at(good.x)
    learner = ExpectationMaximization(model)
    with torch.no_grad():
        for value in model.parameters():
            value.add_(0.1 * torch.randn_like(value))
    before = numbers(learner)
    log = learner.step(good._replace(x=good.x.clone().index_fill_(0, torch.tensor(3), poison)))
    assert bool(log["skipped"])
    assert all(torch.equal(before[key], value) for key, value in numbers(learner).items())
    assert not bool(learner.step(good)["skipped"])
    assert all(not torch.equal(before[key], value) for key, value in numbers(learner).items())


def test_the_training_loop_takes_it_with_all_rows_in_one_batch() -> None:
    x = rows(80)
    data = from_arrays(x.float())
    model = FactorAnalysis(D, V)
    history = train(ExpectationMaximization(model), data, epochs=10, batch_size=len(data.train))
    bounds = [row["train_bound"] for row in history.rows]
    assert bounds[-1] > bounds[0]
    assert history.rows[-1]["skipped"] == 0


@pytest.mark.parametrize("m_steps", [1, 4])
def test_an_m_step_by_gradient_takes_as_many_steps_as_asked(m_steps: int) -> None:
    """At held draws and a tiny rate each Adam step moves a number by the rate, one way."""
    model = decoded()
    learner = ExpectationMaximization(model, PerDatum(DiagonalNormal(), D, steps=3), m_steps, lr=LearningRate(1e-4))
    before = model.get_parameter("network.last.bias").detach().clone()
    learner.step(batch_of((torch.rand(N, V) < 0.2).float()))
    moved = (model.get_parameter("network.last.bias").detach() - before).abs()
    assert_close(moved, torch.full_like(moved, m_steps * 1e-4), rtol=1e-2, atol=0)
    assert learner.draws == 8


def decoded() -> Decoded:
    return Decoded(StandardNormal(D), MLP(D, [], V), Bernoulli())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: ExpectationMaximization(decoded()), "Decoded has no exact posterior"),
        (
            lambda: ExpectationMaximization(PPCA(D, V), Amortized(MLP(V, [], D, per_value=2), DiagonalNormal())),
            "Amortized is learned",
        ),
        (lambda: ExpectationMaximization(PPCA(D, V).requires_grad_(False)), "'weight' is frozen"),
        (lambda: ExpectationMaximization(PPCA(D, V)).step(batch_of(rows().float())._replace(n_rows=99)), "batch_size=99"),
        (lambda: ExpectationMaximization(PPCA(D, V + 1)).step(batch_of(rows().float())), r"shape \(5,\), wanted \(6,\)"),
        (
            lambda: ExpectationMaximization(PPCA(D, V - 1), PerDatum(DiagonalNormal(), D)).step(batch_of(rows().float())),
            r"shape \(5,\), wanted \(4,\)",
        ),
        (lambda: ExpectationMaximization(PPCA(D, V), m_steps=0), "m_steps is 0"),
    ],
)
def test_what_em_cannot_do_is_refused(wrong: Callable[[], object], said: str) -> None:
    with pytest.raises(LatentiaError, match=said):
        wrong()


def test_missing_values_are_refused_by_the_posterior() -> None:
    batch = batch_of(rows())._replace(mask=torch.ones(N, V, dtype=torch.bool))
    for maker in MAKERS.values():
        with pytest.raises(NoClosedForm, match="complete rows"):
            ExpectationMaximization(maker().double()).step(batch)
