"""Posteriors that search and refine, on PPCA, where the ELBO of every q and the best of every family are known."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal, kl_divergence
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from latentia.bounds import Elbo
from latentia.core import Batch
from latentia.core.errors import LatentiaError, NoClosedForm, NonFinite, NoReparameterization, ShapeError
from latentia.core.random import CommonNoise
from latentia.data import checked_split, from_arrays
from latentia.evaluation.draws import row_totals
from latentia.families import Bernoulli, DiagonalNormal, Family, FullRankNormal, NormalMixture
from latentia.gradients import AnalyticKL
from latentia.learners import ExpectationMaximization, Joint, LearningRate
from latentia.models import PPCA, Decoded
from latentia.networks import MLP
from latentia.posteriors import Iterative, MeanField, PerDatum, Posterior, Refined, SemiAmortized, optimize_rows
from latentia.priors import StandardNormal
from latentia.training import train as train_loop

D, V, B = 3, 6, 40


def ppca(sigma: float = 0.6) -> tuple[PPCA, Batch]:
    model = PPCA(D, V).double().requires_grad_(False)
    model.log_sigma.fill_(torch.tensor(sigma).log())
    return model, Batch(model.sample(B), torch.arange(B), B)


def elbo(model: PPCA, q: Distribution, batch: Batch) -> Tensor:
    """log p(x) - KL(q || p(z | x)), in closed form: (B,)."""
    if isinstance(q, Independent):
        q = MultivariateNormal(q.mean, torch.diag_embed(q.variance))
    return model.log_marginal(batch.x) - kl_divergence(q, model.exact_posterior(batch))


def best_mean_field(model: PPCA, batch: Batch) -> Tensor:
    precision = model.exact_posterior(batch).precision_matrix  # pyright: ignore[reportAttributeAccessIssue]
    return model.log_marginal(batch.x) - 0.5 * (precision.diagonal(dim1=-2, dim2=-1).log().sum(-1) - torch.logdet(precision))


def semi_amortized(family: Family | None = None, **options: Any) -> SemiAmortized:
    family = family or DiagonalNormal()
    network = MLP(V, [8], D, per_value=family.raw_per_value, activation="tanh")
    return SemiAmortized(network, family, **options).double()


def iterative(**options: int) -> Iterative:
    in_shape, per_value = Iterative.network_shapes(DiagonalNormal(), (D,))
    return Iterative(MLP(in_shape, [32], D, per_value=per_value, activation="tanh"), DiagonalNormal(), **options).double()


def train(model: PPCA | Decoded, posterior: Posterior, batch: Batch, steps: int, lr: float = 3e-3) -> None:
    learner = Joint(model, posterior, Elbo(), AnalyticKL(), draws=4, lr=LearningRate(lr, total=steps))
    for _ in range(steps):
        assert not bool(learner.step(batch)["skipped"])


def test_a_search_from_nothing_ends_at_the_best_product_of_normals() -> None:
    model, batch = ppca()
    q = PerDatum(DiagonalNormal(), D, steps=400, draws=16).infer(model, batch)
    gap = best_mean_field(model, batch) - elbo(model, q, batch)
    assert float(gap.min()) > -1e-9
    assert float(gap.max()) < 2e-2
    full = PerDatum(FullRankNormal(D), D, steps=400).infer(model, batch)
    # Where the family holds the posterior the noise of its slope is gone.
    assert float((model.log_marginal(batch.x) - elbo(model, full, batch)).max()) < 1e-4


def test_a_row_that_ended_stays_and_the_others_go_on() -> None:
    model, batch = ppca()
    far = batch._replace(x=batch.x.clone().index_fill_(0, torch.tensor(7), 30.0))
    # No row ever gains so much: its steps are halved six times, ten apart, and then it stands.
    ends = [PerDatum(DiagonalNormal(), D, steps=steps, tolerance=1e9).search(model, far) for steps in (59, 60, 200)]
    assert not torch.equal(ends[0], ends[1])
    assert torch.equal(ends[1], ends[2])
    patient = PerDatum(DiagonalNormal(), D, steps=2_000, draws=16, tolerance=0.02)
    whole = patient.search(model, far)
    alone = patient.search(model, Batch(far.x[[3]], far.row[[3]], B))
    assert_close(whole[3], alone[0])
    q = patient.family.distribution(whole)
    gap = best_mean_field(model, far) - elbo(model, q, far)
    assert float(gap[torch.arange(B) != 7].max()) < 0.02
    assert float(gap[7]) < 0.3  # of the 6,000 nats that it began with


def test_a_table_beside_a_moving_model_reaches_the_optimum_of_ppca() -> None:
    """Random with a wide margin: none of nine other seeds raised a false alarm; the seed is fixed."""
    truth, _ = ppca()
    x = truth.sample(200)
    want = float(PPCA.maximum_likelihood(x, D).log_marginal(x).detach().mean())
    model = PPCA(D, V).double()
    posterior = PerDatum(FullRankNormal(D), D, steps=300, table=True, table_steps=3, lr=0.05)
    batch = Batch(x, torch.arange(200), 200)
    train(model, posterior, batch, 300, lr=3e-2)
    assert posterior.raw.shape == (200, FullRankNormal(D).raw_per_value, D)
    assert float(model.log_marginal(x).detach().mean()) > want - 0.03
    # The table is for training alone: what is said of a row outside of it does not hang on having been trained on.
    inside = posterior.infer(model, batch)
    outside = posterior.eval().infer(model, batch)
    assert float((model.log_marginal(x) - elbo(model, inside, batch)).detach().mean()) < 0.05
    assert float((model.log_marginal(x) - elbo(model, outside, batch)).detach().mean()) < 1e-2


def test_a_table_follows_rows_by_their_number() -> None:
    model, batch = ppca()
    posterior = PerDatum(DiagonalNormal(), D, table=True)
    part = torch.tensor([5, 31])
    posterior.before_step(model, Batch(batch.x[part], part, B))
    assert posterior.raw.shape == (B, 2, D)
    assert posterior.raw.flatten(1).any(1).nonzero().flatten().tolist() == [5, 31]
    assert "raw" not in posterior.state_dict()
    spoilt = posterior.raw.clone()
    posterior.before_step(model, Batch(torch.full((1, V), torch.nan).double(), torch.tensor([5]), B))
    assert torch.equal(posterior.raw, spoilt)


@pytest.mark.parametrize("rate", [0.003, 0.02])
def test_each_refinement_raises_the_bound_of_an_untrained_encoder(rate: float) -> None:
    model, batch = ppca()
    posterior = semi_amortized(rate=rate, steps=20, draws=64)
    with torch.no_grad():
        bounds = torch.stack(
            [elbo(model, posterior.family.distribution(raw), batch) for raw in posterior.path(model, batch)]
        )
    assert bool((bounds.diff(dim=0).mean(1) > 0).all())
    assert bool((bounds[-1] > bounds[0]).all())
    assert bool((bounds <= best_mean_field(model, batch) + 1e-9).all())


def test_gradients_pass_through_the_steps() -> None:
    """The same noise at every call makes the refined bound a smooth function, to be compared with finite differences."""
    model, batch = ppca()
    model.requires_grad_()
    posterior = semi_amortized(steps=3, clip=0.0)

    def refined() -> Tensor:
        return elbo(model, posterior.infer(model, batch), batch).mean()

    for name, parameter in {
        "encoder": posterior.network.last.weight,  # pyright: ignore[reportAttributeAccessIssue]
        "rate": posterior.log_rate,
        "model": model.weight,
    }.items():
        assert isinstance(parameter, Tensor)
        (slope,) = torch.autograd.grad(refined(), parameter)
        way = torch.randn_like(parameter)
        ends = []
        with torch.no_grad():
            for step in (1e-5, -1e-5):
                parameter += step * way
                with torch.enable_grad():
                    ends.append(float(refined().detach()))
                parameter -= step * way
        assert_close(float((slope * way).sum().detach()), (ends[0] - ends[1]) / 2e-5, rtol=1e-5, atol=1e-8, msg=name)


def test_stopped_steps_are_constants_to_the_encoder() -> None:
    model, batch = ppca()
    posterior = semi_amortized(steps=3, differentiate=False)
    found = elbo(model, posterior.infer(model, batch), batch).sum()
    start = posterior.encoder.raw(batch.x)
    moved = posterior.path(model, batch)[-1].detach() - start.detach()
    wanted = elbo(model, posterior.family.distribution(start + moved), batch).sum()
    weight = posterior.network.output_bias
    assert_close(torch.autograd.grad(found, weight, retain_graph=True), torch.autograd.grad(wanted, weight))
    (rates,) = torch.autograd.grad(found, posterior.log_rate)
    assert bool((rates != 0).all())


def test_learned_refinement_beats_its_own_encoder_and_ends_near_the_best() -> None:
    """Random with a wide margin: none of nine other seeds raised a false alarm; the seed is fixed."""
    model, batch = ppca()
    for posterior in (semi_amortized(rate=0.05), semi_amortized(rate=0.05, differentiate=False), iterative()):
        train(model, posterior, batch, 400, lr=1e-2)
        posterior.eval()
        with torch.no_grad():
            raws = posterior.path(model, batch)  # pyright: ignore[reportAttributeAccessIssue]
            bounds = torch.stack([elbo(model, posterior.family.distribution(raw), batch).mean() for raw in raws])  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
        assert float(bounds[-1]) > float(bounds[0])
        assert float((best_mean_field(model, batch)).mean() - bounds[-1]) < 0.15


@pytest.mark.parametrize(
    ("options", "words"),
    [
        # These stay finite in five steps, the bound far below the encoder's.
        ({"rate": 1.0, "clip": 0.0}, r"fell by \S+ nats.* rate is 1: try posterior\.rate=0\.1, or posterior\.clip=1$"),
        ({"rate": 1.0, "clip": 0.0, "steps": 1}, r"fell by \S+ nats"),
        ({"rate": 10.0, "clip": 20.0}, r"fell by \S+ nats.* largest rate is 10: try posterior\.rate=1$"),
        ({"rate": 50.0, "clip": 0.0, "steps": 400}, r"largest rate is 50: try posterior\.rate=5, or posterior\.clip=1"),
    ],
)
def test_too_large_a_rate_is_named_with_one_to_try(options: dict[str, Any], words: str) -> None:
    model, batch = ppca()
    posterior = semi_amortized(**options)
    where = rf"diverged at step \d+ of {posterior.steps} in \d+ of 40 rows"
    said = posterior.diagnose(model, batch)
    assert said is not None
    assert re.search(f"{where}.*{words}", said), said
    with pytest.raises(NonFinite) as caught:
        posterior.eval().infer(model, batch)
    assert str(caught.value) == f"{said}."
    with pytest.raises(NonFinite, match=r"try posterior\.rate="):
        train_loop(Joint(model.float(), posterior.float(), hold_model=True), from_arrays(batch.x.float()), epochs=1)


def test_what_is_no_fault_of_the_rate_is_not_laid_at_its_door() -> None:
    model, batch = ppca()
    posterior = semi_amortized(rate=0.02, steps=20).eval()
    far = batch._replace(x=batch.x.clone().index_fill_(0, torch.tensor(3), 100.0))
    for rows in (batch, far):
        posterior.infer(model, rows)
        assert posterior.diagnose(model, rows) is None
    spoilt = batch._replace(x=batch.x.clone().index_fill_(0, torch.tensor(3), torch.nan))
    assert posterior.diagnose(model, spoilt) is None
    with pytest.raises(NonFinite, match=r"not finite at the encoder's own answer in 1 of 40 rows"):
        posterior.infer(model, spoilt)


def test_coordinate_ascent_never_falls_and_ends_at_the_best_product() -> None:
    model, batch = ppca()
    exact = model.exact_posterior(batch)
    assert isinstance(exact, MultivariateNormal)
    posterior = MeanField(sweeps=60)
    scale = exact.precision_matrix.diagonal(dim1=-2, dim2=-1).rsqrt()
    bounds = torch.stack([elbo(model, Independent(Normal(m, scale.expand_as(m)), 1), batch) for m in posterior.path(exact)])
    assert float(bounds.diff(dim=0).min()) > -1e-10
    assert_close(elbo(model, posterior.infer(model, batch), batch), best_mean_field(model, batch))


def test_common_noise_has_the_right_law_in_each_row_and_is_the_same_in_all() -> None:
    """False alarm: 2e-6 over the seed. Means and squares of 20,000 draws in each of three rows."""
    loc, scale = torch.tensor([[0.0], [1.0], [-3.0]]).double(), torch.tensor([[1.0], [0.5], [2.0]]).double()
    draws: dict[str, Callable[[], Tensor]] = {
        "normal": lambda: Normal(loc, scale).rsample((20_000,)),
        "by example": lambda: loc + scale * torch.randn_like(loc.expand(20_000, 3, 1)),
        "full rank": lambda: MultivariateNormal(loc, scale_tril=scale.unsqueeze(-1)).rsample((20_000,)),
    }
    for name, draw in draws.items():
        with CommonNoise(3):
            standard = ((draw() - loc) / scale).squeeze(-1)
        assert_close(standard[:, 0], standard[:, 1])
        assert_close(standard[:, 0], standard[:, 2])
        assert_mean_is(standard[:, 0], torch.tensor(0.0).double(), name, size=1.0)
        assert_mean_is(standard[:, 0] ** 2, torch.tensor(1.0).double(), name)


def test_what_does_not_fit_is_refused_in_one_line() -> None:
    model, batch = ppca()
    with pytest.raises(NoReparameterization, match="Bernoulli"):
        PerDatum(Bernoulli(), D)
    with pytest.raises(NoReparameterization, match="differentiate=False"):
        semi_amortized(NormalMixture(D))
    with pytest.raises(ShapeError, match="network_shapes"):
        Iterative(MLP(V, [], D, per_value=2), DiagonalNormal())
    refused: list[dict[str, Any]] = [{"steps": 0}, {"draws": 0}, {"rate": -1.0}, {"rate": float("nan")}, {"clip": -1.0}]
    for wrong in refused:
        with pytest.raises(LatentiaError, match=next(iter(wrong))):
            semi_amortized(**wrong)
    nan = float("nan")
    searches: list[dict[str, Any]] = [
        {"lr": -1.0},
        {"lr": 0.0},
        {"lr": nan},
        {"tolerance": -1.0},
        {"gradient": "foo"},
        {"steps": 1.5},
    ]
    for wrong in searches:
        with pytest.raises(LatentiaError, match=f"{next(iter(wrong))} is {next(iter(wrong.values()))!r}"):
            PerDatum(DiagonalNormal(), D, **wrong)
        if "gradient" not in wrong:
            with pytest.raises(LatentiaError, match=next(iter(wrong))):
                optimize_rows(model, DiagonalNormal(), torch.zeros(B, 2, D), batch, **wrong)
        if "lr" in wrong:
            with pytest.raises(LatentiaError, match="lr"):
                Refined(semi_amortized().encoder, **wrong)
    for table in (False, True):
        with pytest.raises(ShapeError, match=r"the model's z has shape \(3,\), wanted \(2,\)"):
            PerDatum(DiagonalNormal(), D - 1, table=table).infer(model, batch)
        with pytest.raises(ShapeError, match="n_latents"):
            ExpectationMaximization(PPCA(D, V), PerDatum(DiagonalNormal(), D - 1, table=table)).step(batch)
    with pytest.raises(LatentiaError, match="sweeps"):
        MeanField(0)
    decoded = Decoded(StandardNormal(D), MLP(D, [3], V), Bernoulli())
    with pytest.raises(NoClosedForm, match="posterior is normal"):
        MeanField().infer(decoded, batch)


def test_a_search_answers_for_any_split_under_evaluation() -> None:
    model, batch = ppca()
    posterior = PerDatum(DiagonalNormal(), D, steps=200, table=True).float()
    split = checked_split(batch.x.float())[0]
    with torch.no_grad():
        found = row_totals(model.float(), posterior.eval(), split, 500)
    assert_close(
        found.elbo.mean(), best_mean_field(model, batch._replace(x=batch.x.float())).double().mean(), rtol=0, atol=0.1
    )


def test_a_search_by_the_score_function_ends_at_the_same_best() -> None:
    model, batch = ppca()
    q = PerDatum(DiagonalNormal(), D, steps=800, draws=64, gradient="score-function").infer(model, batch)
    assert float((best_mean_field(model, batch) - elbo(model, q, batch)).mean()) < 2e-2
    with pytest.raises(LatentiaError, match="draws"):
        PerDatum(DiagonalNormal(), D, draws=1, gradient="score-function")


def test_steps_from_an_encoder_s_answer_are_kept_where_they_help() -> None:
    model, batch = ppca()
    encoder = semi_amortized().encoder
    start = elbo(model, encoder.infer(model, batch), batch)
    for steps, lr in ((1, 0.05), (20, 0.05), (5, 50.0)):
        found = elbo(model, Refined(encoder, steps, lr).infer(model, batch), batch)
        assert float((found - start).detach().min()) > -0.3  # what 64 judging draws may take for better
        assert float((found - start).detach().mean()) > -1e-2
    spoilt = batch._replace(x=batch.x.clone().index_fill_(0, torch.tensor(3), torch.inf))
    q = Refined(encoder, 2).infer(model, spoilt)
    assert bool(torch.isfinite(q.mean[torch.arange(B) != 3]).all())
