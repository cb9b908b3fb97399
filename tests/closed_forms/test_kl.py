"""Closed divergences against torch's, against draws, and against each other."""

import pytest
import torch
from torch.distributions import (
    Bernoulli,
    Categorical,
    Distribution,
    Independent,
    Laplace,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    kl_divergence,
)
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from latentia.core.errors import NoClosedForm
from latentia.distributions import closed_kl, has_closed_kl, kl_per_dimension

D, B = 3, 4


def full_rank() -> MultivariateNormal:
    tril = torch.randn(B, D, D, dtype=torch.float64).tril(-1) + torch.diag_embed(torch.rand(B, D).double() + 0.3)
    return MultivariateNormal(torch.randn(B, D, dtype=torch.float64), scale_tril=tril)


def diagonal(*lead: int) -> Independent:
    return Independent(Normal(torch.randn(*lead, D, dtype=torch.float64), torch.rand(*lead, D).double() + 0.5), 1)


def as_full_rank(d: Independent) -> MultivariateNormal:
    return MultivariateNormal(d.mean, scale_tril=torch.diag_embed(d.stddev))


@pytest.mark.parametrize("lead", [(), (B,)], ids=["one prior", "a prior a row"])
def test_full_rank_from_diagonal_is_torch_s_between_two_full_ranks(lead: tuple[int, ...]) -> None:
    q, p = full_rank(), diagonal(*lead)
    assert closed_kl(q, p).shape == (B,)
    assert_close(closed_kl(q, p), kl_divergence(q, as_full_rank(p)))


def test_full_rank_without_correlation_is_the_diagonal_s() -> None:
    q, p = diagonal(B), diagonal()
    assert_close(closed_kl(as_full_rank(q), p), closed_kl(q, p))
    assert_close(closed_kl(as_full_rank(p), p), torch.zeros((), dtype=torch.float64), rtol=0, atol=1e-12)


def test_full_rank_from_diagonal_is_what_draws_say() -> None:
    """False alarm: 1e-6 over the seed. 100,000 draws in each of four rows."""
    q, p = full_rank(), diagonal()
    z = q.sample((100_000,))
    assert_mean_is(q.log_prob(z) - p.log_prob(z), closed_kl(q, p), "KL")


def test_the_divergence_s_gradient_is_that_of_torch_s() -> None:
    q, p = full_rank(), diagonal()
    slopes = []
    for other in (p, as_full_rank(p)):
        loc, tril = (value.clone().requires_grad_() for value in (q.loc, q.scale_tril))
        kl = kl_divergence(MultivariateNormal(loc, scale_tril=tril), other)
        slopes.append(torch.autograd.grad(kl.sum(), [loc, tril]))
    assert_close(slopes[0][0], slopes[1][0])
    assert_close(slopes[0][1].tril(), slopes[1][1].tril())


def test_each_latent_s_share_adds_up_to_the_whole() -> None:
    q, p = diagonal(B), diagonal()
    each = kl_per_dimension(q, p)
    assert each is not None
    assert each.shape == (B, D)
    assert_close(each.sum(-1), closed_kl(q, p))


def mixture() -> Distribution:
    return MixtureSameFamily(Categorical(logits=torch.zeros(B).double()), diagonal(B))


def test_latents_that_hang_together_have_no_shares() -> None:
    assert kl_per_dimension(full_rank(), diagonal()) is None
    assert kl_per_dimension(diagonal(B), mixture()) is None
    assert kl_per_dimension(diagonal(B), Independent(Bernoulli(torch.rand(D)), 1)) is None


def test_a_pair_without_a_closed_form_is_named_with_the_cure() -> None:
    for q, p in (
        (diagonal(), mixture()),
        (full_rank(), Independent(Laplace(torch.zeros(D), torch.ones(D)), 1)),
    ):
        assert not has_closed_kl(q, p)
        with pytest.raises(NoClosedForm, match="reparameterized"):
            closed_kl(q, p)
    assert has_closed_kl(full_rank(), diagonal())
