"""Scores against closed forms, enumeration and quadrature: log p(x), its error, and each part's share."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Independent, MultivariateNormal, Normal, kl_divergence
from torch.testing import assert_close

from helpers.chance import assert_mean_is, z_limit
from helpers.fixed import Fixed
from helpers.holed import SEEN, WIDE, B, D, V, ppca, rows, table
from latentia.core import Batch
from latentia.core.errors import LatentiaError, NoClosedForm
from latentia.distributions import observed_parts
from latentia.evaluation import score
from latentia.families import Multinomial
from latentia.models import PPCA, Decoded, NoisyOr
from latentia.networks import MLP
from latentia.posteriors import Exact
from latentia.priors import StandardNormal


def in_closed_form(model: PPCA, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """log p of what was seen, shares and KL(p(z | seen) || p(z)) of each row."""
    said = []
    variance = (2 * model.log_sigma).exp().detach()
    for x, seen in zip(batch.x, SEEN, strict=True):
        w, x = model.weight[seen].detach(), x[seen] - model.mean[seen].detach()
        covariance = w @ w.T + variance * torch.eye(len(x))
        log_px = MultivariateNormal(torch.zeros(len(x)).double(), covariance).log_prob(x) if len(x) else torch.zeros(())
        cov = torch.linalg.inv(torch.eye(D) + w.T @ w / variance)
        loc = cov @ w.T @ x / variance
        each = torch.zeros(V).double()
        square = (x - w @ loc).square() + torch.einsum("vd,de,ve->v", w, cov, w)
        each[seen] = -0.5 * (2 * math.pi * variance).log() - square / (2 * variance)
        prior = MultivariateNormal(torch.zeros(D).double(), torch.eye(D).double())
        said.append((log_px, each, kl_divergence(MultivariateNormal(loc, cov), prior)))
    log_px, shares, rate = (torch.stack([row[k].double() for row in said]) for k in range(3))
    return log_px, shares, rate


def test_a_factor_model_s_scores_are_those_of_the_closed_form() -> None:
    """At most a share of 4e-6 of all seeds fails."""
    model = ppca()
    batch = rows(model)
    log_px, shares, rate = in_closed_form(model, batch)
    assert_close(shares.sum(-1) - rate, log_px)
    found = score(model, WIDE, batch, draws=40_000)
    assert found.shares is not None
    assert float(((found.log_px - log_px) / found.error).abs()[:4].max()) < z_limit(4)
    assert 1e-4 < float(found.error.max()) < 0.1
    again = [score(model, WIDE, batch, draws=4000, seed=seed) for seed in range(40)]
    many = torch.stack([one.shares for one in again if one.shares is not None])
    assert_mean_is(many, shares, "shares", resolution=0.01, rounding=2e-3)  # they are ratios: a bias of 1 / 4,000
    assert_mean_is(torch.stack([one.rate for one in again]), rate, "rate", rounding=2e-3)
    assert_close(found.shares.sum(-1) - found.rate, found.log_px)
    assert not bool(found.shares[~SEEN].any()), "what was not seen has no share"
    anew = torch.stack([one.expected for one in again if one.expected is not None])
    assert_mean_is(anew, (-0.5 - 0.5 * math.log(2 * math.pi) - model.log_sigma.detach()).expand(B, V), "a row drawn anew")


def test_the_exact_posterior_needs_no_weights() -> None:
    model = ppca()
    x = model.sample(B)
    found = score(model, Exact(), Batch(x, torch.arange(B), B), draws=50)
    assert_close(found.log_px, model.log_marginal(x).detach().double())
    assert_close(found.effective, torch.full((B,), 50.0).double(), rtol=1e-6, atol=0)
    assert float(found.error.max()) < 1e-3


def test_findings_of_a_noisy_or_are_shared_out_as_enumeration_has_it() -> None:
    """False alarm: 1e-6 over the seed."""
    model = NoisyOr(["a", "b", "c"], ["s", "t"], [(0, 0, 0.8), (1, 0, 0.5), (1, 1, 0.9), (2, 1, 0.3)], [0.1, 0.3, 0.2], 0.02)
    x = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    mask = torch.tensor([[1, 1], [1, 1], [0, 1]], dtype=torch.bool)
    batch = Batch(x, torch.arange(3), 3, None, mask)
    z = torch.cartesian_prod(*[torch.arange(2.0)] * 3).unsqueeze(1).expand(-1, 3, -1)
    joint = model.log_joint(z, batch).double()
    likelihood = model.likelihood(z)
    assert isinstance(likelihood, Independent)
    each = torch.where(mask, likelihood.base_dist.log_prob(x), 0.0).double()
    shares = (joint.softmax(0).unsqueeze(-1) * each).sum(0)
    q = Fixed(Independent(Bernoulli(torch.tensor([0.4, 0.5, 0.3])), 1))
    again = [score(model, q, batch, draws=4000, seed=seed) for seed in range(40)]
    many = torch.stack([one.shares for one in again if one.shares is not None])
    assert_mean_is(many, shares, "shares", false_alarm=5e-7, rounding=2e-3)
    found = score(model, q, batch, draws=40_000)
    assert float(((found.log_px - joint.logsumexp(0)) / found.error).abs().max()) < z_limit(3, 5e-7)


def test_a_table_s_columns_are_shared_out_as_quadrature_has_it() -> None:
    """False alarm: 1e-6 over the seed."""
    model, batch = table()
    z = torch.linspace(-8, 8, 4001).double().reshape(-1, 1, 1).expand(-1, 4, 1)
    with torch.no_grad():
        joint = model.log_joint(z, batch)
        parts = model.likelihood(z).observed_column_log_prob(batch.x, batch.mask)  # pyright: ignore[reportAttributeAccessIssue]
    log_px = joint.logsumexp(0) + math.log(16 / 4000)
    shares = (joint.softmax(0).unsqueeze(-1) * parts).sum(0)
    q = Fixed(Independent(Normal(torch.zeros(1).double(), 1.2), 1))
    again = [score(model, q, batch, draws=3000, seed=seed) for seed in range(40)]
    many = torch.stack([one.shares for one in again if one.shares is not None])
    assert many.shape == (40, 4, 5), "one share a column"
    assert_mean_is(many, shares, "shares", false_alarm=5e-7, rounding=3e-3)
    found = score(model, q, batch, draws=30_000)
    assert float(((found.log_px - log_px) / found.error).abs().max()) < z_limit(4, 5e-7)


def test_chunks_say_what_the_whole_says() -> None:
    model = ppca()
    batch = rows(model)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        z = torch.cat([WIDE.infer(model, batch).sample((1,)) for _ in range(30)])
    # A budget of one byte draws one at a time, the very draws above.
    found = score(model, WIDE, batch, draws=30, memory=1)
    w = model.log_joint(z, batch) - WIDE.infer(model, batch).log_prob(z)
    each = observed_parts(model.likelihood(z), batch.x, SEEN)
    assert found.shares is not None
    assert_close(found.log_px, (w.logsumexp(0) - math.log(30)).detach())
    assert_close(found.shares, torch.einsum("kb,kbv->bv", w.softmax(0), each).detach())
    assert_close(found.effective, (1 / w.softmax(0).square().sum(0)).detach())


def test_an_impossible_row_is_told_and_leaves_the_others_alone() -> None:
    leakless = NoisyOr(["a"], ["s", "t"], [(0, 0, 0.5)], leak=0.0)
    batch = Batch(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.arange(2), 2)
    found = score(leakless, Fixed(Independent(Bernoulli(torch.tensor([0.5])), 1)), batch, draws=100, memory=1)
    assert (float(found.effective[0]), float(found.log_px[0])) == (0.0, -math.inf)
    assert found.shares is not None
    assert bool(found.shares[0].isnan().all())
    assert_close(float(found.shares[1, 0]), math.log(0.5))
    assert math.isfinite(float(found.log_px[1]))


def test_a_likelihood_of_one_piece_has_no_shares_and_takes_no_mask() -> None:
    family = Multinomial(total=4)
    model = Decoded(StandardNormal(D), MLP(D, [3], V), family).double()
    batch = Batch(model.sample(3), torch.arange(3), 3)
    found = score(model, WIDE, batch, draws=20)
    assert found.shares is None
    assert bool(found.rate.isnan().all())
    assert bool(found.log_px.isfinite().all())
    with pytest.raises(NoClosedForm, match="mask"):
        score(model, WIDE, batch._replace(mask=torch.ones(3, V, dtype=torch.bool)), draws=20)


def test_it_leaves_the_random_state_alone_and_refuses_no_draws() -> None:
    model, before = ppca(), torch.get_rng_state()
    batch = Batch(torch.zeros(1, V).double(), torch.arange(1), 1)
    before = torch.get_rng_state()
    score(model, WIDE, batch, draws=3)
    assert torch.equal(before, torch.get_rng_state())
    with pytest.raises(LatentiaError, match="draws is 0"):
        score(model, WIDE, batch, draws=0)
