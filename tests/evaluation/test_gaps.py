"""The gaps of an encoder on PPCA, where every one of them has a closed form."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import kl_divergence
from torch.testing import assert_close

from helpers.chance import z_limit
from latentia.core import Batch
from latentia.core.errors import LatentiaError, NoReparameterization, ShapeError
from latentia.data import checked_split
from latentia.evaluation import ais, gaps
from latentia.families import Bernoulli, DiagonalNormal, Family, FullRankNormal
from latentia.models import PPCA
from latentia.networks import MLP
from latentia.posteriors import Amortized, Exact, Table, optimize_rows

D, V, B = 3, 6, 40


def ppca() -> tuple[PPCA, Batch]:
    model = PPCA(D, V)
    with torch.no_grad():
        model.log_sigma.fill_(-0.5)
    return model, Batch(model.sample(B), torch.arange(B), B)


def encoder(family: Family) -> Amortized:
    return Amortized(MLP(V, [8], D, per_value=family.raw_per_value), family)


def mean_field_gap(model: PPCA, batch: Batch) -> Tensor:
    """KL of the best diagonal normal from the exact posterior: its variances are one over the diagonal of the precision."""
    precision = torch.linalg.inv(model.exact_posterior(batch).covariance_matrix[0].double())  # pyright: ignore[reportAttributeAccessIssue]
    return 0.5 * (torch.diagonal(precision).log().sum() - torch.logdet(precision))


def test_a_full_covariance_finds_the_exact_posterior_of_every_row() -> None:
    model, batch = ppca()
    family = FullRankNormal(D)
    found = optimize_rows(model, family, encoder(family).raw(batch.x), batch, steps=300)
    q, exact = family.distribution(found.raw), model.exact_posterior(batch)
    assert float(kl_divergence(q, exact).detach().max()) < 1e-3
    assert_close(found.elbo, model.log_marginal(batch.x), rtol=0, atol=2e-3)
    assert found.converged


def test_a_diagonal_finds_its_best_and_the_gaps_are_the_closed_forms() -> None:
    """False alarm: 1e-6 over the seed. 40 rows, 2,000 draws each, the gaps a row against KL divergences."""
    model, batch = ppca()
    posterior = encoder(DiagonalNormal())
    split = checked_split(batch.x)[0]
    rows = split.batch(torch.arange(len(split)))
    found = gaps(model, posterior, split, draws=2_000, steps=300)
    model.requires_grad_(False)
    limit, exact, log_px = z_limit(len(split)), model.exact_posterior(rows), model.log_marginal(rows.x)
    at_encoder = log_px - kl_divergence(posterior_full(posterior, rows), exact)
    best = log_px - mean_field_gap(model, rows)
    assert found.source == "exact"
    assert_close(found.log_px, log_px.double())
    assert not bool(found.log_px_error.any())
    spread = 3.0 / 2_000**0.5  # no log-weight here scatters by more than 3 nats at the optimum
    assert float((found.best - best).max()) < limit * spread
    assert float((found.best - best).min()) > -limit * spread - 0.02
    assert abs(float((found.best - best).mean())) < 0.03
    assert abs(float((found.encoder - at_encoder).mean())) < 0.05 * float((log_px - at_encoder).mean())
    assert abs(found.approximation.value - float(mean_field_gap(model, rows))) < 0.05
    assert_close(found.approximation.value + found.amortization.value, found.inference.value)
    assert found.diverged == 0
    for words in ("amortization gap", "exact, its own error 0.000 nats", "converged in 100% of batches, 0 rows diverged"):
        assert words in str(found)


class Silent(PPCA):
    """PPCA that cannot say log p(x)."""

    log_marginal = None  # pyright: ignore[reportAssignmentType]


def test_log_px_is_the_model_s_or_what_was_given_and_says_which() -> None:
    """Not random beyond the fixed seed: what weighting misses under a bad family, the model and annealing do not."""
    model = PPCA(6, 12).requires_grad_(False)
    model.log_sigma.fill_(-2.0)
    silent = Silent(6, 12).requires_grad_(False)
    silent.load_state_dict(model.state_dict())
    split = checked_split(model.sample(10))[0]
    rows = split.batch(torch.arange(10))
    truth = model.log_marginal(rows.x).double()
    posterior = Amortized(MLP(12, [8], 6, per_value=2), DiagonalNormal())
    few: dict[str, Any] = {"draws": 50, "steps": 60, "rounds": 1, "inner_draws": 4}
    said = gaps(model, posterior, split, **few)
    weighted = gaps(silent, posterior, split, **few)
    assert_close(said.best, weighted.best)
    assert_close(said.log_px, truth)
    assert_close(said.approximation.value, float((truth - said.best).mean()))
    assert weighted.source == "importance-weighted by 50 draws from each row's best"
    assert float((truth - weighted.log_px).mean()) > 1.0
    assert weighted.approximation.value < said.approximation.value - 1.0
    assert bool((weighted.log_px_error > 0).all())
    for words in ("converged in 0% of batches", weighted.source):
        assert words in str(weighted)
    annealed = ais(silent, rows, temperatures=20, chains=8, start=model.exact_posterior(rows))
    other = gaps(silent, posterior, split, **few, log_px=annealed)
    assert other.source == "annealed from below by 8 chains"
    assert_close(other.log_px, truth, rtol=0, atol=1e-3)
    assert_close(other.log_px_error, annealed.error.double())
    given = gaps(silent, posterior, split, **few, log_px=(truth, torch.full_like(truth, 0.2)))
    assert_close(given.log_px, truth)
    assert f"as given, its own error {0.2 / 10**0.5:.3f} nats" in str(given)
    with pytest.raises(ShapeError, match=r"shape \(3,\) and its error \(10,\), wanted \(10,\)"):
        gaps(silent, posterior, split, **few, log_px=(truth[:3], truth))


def posterior_full(posterior: Amortized, rows: Batch) -> torch.distributions.MultivariateNormal:
    q = posterior.encode(rows.x)
    return torch.distributions.MultivariateNormal(q.mean.detach(), torch.diag_embed(q.variance.detach()))


def test_the_search_never_ends_below_its_start_and_leaves_everything_else_alone() -> None:
    model, batch = ppca()
    family = DiagonalNormal()
    start = encoder(family).raw(batch.x)
    state, weights = torch.get_rng_state(), [p.clone() for p in model.parameters()]
    for lr in (0.05, 50.0):  # the second throws every row about
        found = optimize_rows(model, family, start, batch, steps=20, lr=lr, rounds=1)
        assert bool((found.elbo >= found.start).all())
        assert bool(torch.isfinite(found.raw).all())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(p, was) and p.grad is None for p, was in zip(model.parameters(), weights, strict=True))
    again = optimize_rows(model, family, start, batch, steps=20, lr=50.0, rounds=1)
    assert_close(again.raw, found.raw, rtol=0, atol=0)


def test_a_row_whose_search_leaves_the_finite_numbers_keeps_its_start() -> None:
    model, batch = ppca()
    family = DiagonalNormal()
    bad = batch.x.clone()
    bad[3] = torch.inf
    start = torch.zeros(B, 2, D)
    found = optimize_rows(model, family, start, batch._replace(x=bad), steps=5, rounds=1)
    assert found.diverged.nonzero().tolist() == [[3]]
    assert_close(found.raw[3], start[3])
    assert bool((found.elbo > found.start)[torch.arange(B) != 3].all())


def test_a_table_answers_for_the_rows_it_holds_and_for_no_others() -> None:
    model, batch = ppca()
    table = Table(DiagonalNormal(), torch.randn(B, 2, D))
    part = Batch(batch.x[[5, 2]], torch.tensor([5, 2]), B)
    assert_close(table.infer(model, part).mean, table.raw[[5, 2], 0])
    with pytest.raises(ShapeError, match="40 rows"):
        table.infer(model, batch._replace(n_rows=7))
    with pytest.raises(ShapeError, match="reads 2"):
        Table(DiagonalNormal(), torch.zeros(B, 3, D))


def test_what_cannot_be_searched_is_refused() -> None:
    model, batch = ppca()
    with pytest.raises(NoReparameterization, match="Bernoulli"):
        optimize_rows(model, Bernoulli(), torch.zeros(B, 1, D), batch)
    with pytest.raises(LatentiaError, match="steps"):
        optimize_rows(model, DiagonalNormal(), torch.zeros(B, 2, D), batch, steps=0)
    with pytest.raises(LatentiaError, match="Exact"):
        gaps(model, Exact(), checked_split(batch.x)[0])
