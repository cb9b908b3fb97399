"""Masked events against sums over what was observed and against the marginals of a normal."""

import itertools

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Dirichlet, Independent, MixtureSameFamily, MultivariateNormal, Normal
from torch.testing import assert_close

from helpers.linear_normal import randn
from latentia.core.errors import NoClosedForm, ShapeError, SupportError
from latentia.distributions.structured import Masked

B, D = 3, 2


def test_a_masked_vector_of_independent_values_counts_the_observed_ones() -> None:
    loc = randn(B, D, 2).requires_grad_()
    base = Independent(Normal(loc, 0.7), 2)
    mask = torch.tensor([[True, False], [False, False], [True, True]])  # a whole pair of values at a time
    x = randn(4, B, D, 2)
    seen = mask.unsqueeze(-1).expand(B, D, 2)
    masked = Masked(base, mask)
    found = masked.log_prob(torch.where(seen, x, torch.nan))
    assert_close(found, torch.where(seen, Normal(loc, 0.7).log_prob(x), 0.0).sum((-1, -2)), rtol=0, atol=1e-8)
    (slope,) = torch.autograd.grad(found.sum(), loc)
    assert not bool(slope[~seen].any())
    assert bool(slope.isfinite().all())
    assert_close(masked.mean, base.mean)
    assert_close(masked.variance, base.variance)
    assert_close(masked.mode, base.mode)
    assert masked.rsample((5,)).shape == (5, B, D, 2)
    wide = masked.expand((6, B))
    assert_close(wide.log_prob(x[0]), masked.log_prob(x[0]).expand(6, B))
    assert_close(Masked(Independent(Independent(Normal(loc, 0.7), 1), 1), mask).log_prob(x), masked.log_prob(x))


def test_a_masked_multivariate_normal_is_its_marginal() -> None:
    root = torch.tril(randn(3, 3)) + 2 * torch.eye(3)
    loc, x = randn(3), randn(6, 3)
    for mask in torch.tensor(list(itertools.product([True, False], repeat=3))):
        masked = Masked(MultivariateNormal(loc, scale_tril=root), mask)
        found = masked.log_prob(torch.where(mask, x, torch.nan))
        if mask.any():
            part = (root @ root.T)[mask][:, mask]
            assert_close(found, MultivariateNormal(loc[mask], part).log_prob(x[:, mask]), rtol=0, atol=1e-8)
        else:
            assert_close(found, torch.zeros(6).double(), rtol=0, atol=1e-8)

    def log_prob(loc: Tensor, root: Tensor) -> Tensor:
        base = MultivariateNormal(loc, scale_tril=torch.tril(root), validate_args=False)
        return Masked(base, torch.tensor([[True, False, True], [True, True, False]])).log_prob(x[:2])

    assert torch.autograd.gradcheck(
        log_prob, (loc.expand(2, 3).clone().requires_grad_(), root.expand(2, 3, 3).clone().requires_grad_())
    )


def test_a_masked_elongated_normal_keeps_float32_s_digits() -> None:
    root = torch.tensor([[1e3, 0.0, 0.0], [1e3, 1e-2, 0.0], [-1e3, 1e-2, 1e-2]])
    mask = torch.tensor([True, True, False])
    x = MultivariateNormal(torch.zeros(3), scale_tril=root).sample((50,))
    found = Masked(MultivariateNormal(torch.zeros(3), scale_tril=root), mask).log_prob(x)
    exact = Masked(MultivariateNormal(torch.zeros(3).double(), scale_tril=root.double()), mask).log_prob(x.double())
    white = torch.linalg.solve_triangular(root[:2, :2].double(), x[:, :2].double().T, upper=False).square().sum(0)
    assert_close(
        exact, -0.5 * white - torch.log(2 * torch.pi * root[0, 0].double() * root[1, 1].double()), rtol=1e-8, atol=1e-6
    )
    assert_close(found.double(), exact, rtol=2e-2, atol=2e-2)


def test_what_stands_in_a_masked_place_may_lie_outside_the_support() -> None:
    base = Independent(Bernoulli(logits=torch.zeros(B, 2)), 1)
    masked = Masked(base, torch.tensor([True, False]).expand(B, 2), validate_args=True)
    x = torch.tensor([1.0, 7.0]).expand(B, 2)
    assert_close(masked.log_prob(x), torch.full((B,), 0.5).log())
    with pytest.raises(SupportError, match="where it is observed"):
        masked.log_prob(x.flip(-1))


def test_a_mask_that_does_not_fit_is_refused() -> None:
    base = Independent(Normal(torch.zeros(B, D), 1.0), 1)
    for mask in (torch.ones(B, D), torch.ones(D, dtype=torch.bool), torch.ones(B, D, 1, dtype=torch.bool)):
        with pytest.raises(ShapeError, match="mask is"):
            Masked(base, mask)
    with pytest.raises(ShapeError, match="event must have some"):
        Masked(Normal(torch.zeros(B), 1.0), torch.ones(B, dtype=torch.bool))
    for dependent in (Independent(Dirichlet(torch.ones(B, D, 3)), 1), Dirichlet(torch.ones(B, D))):
        with pytest.raises(NoClosedForm, match="impute"):
            Masked(dependent, torch.ones(B, D, dtype=torch.bool)).log_prob(dependent.sample())


def test_a_base_without_a_marginal_is_named_before_its_values_are_checked() -> None:
    base = MixtureSameFamily(Categorical(torch.ones(2)), Independent(Normal(torch.zeros(2, D), 1.0), 1))
    masked = Masked(base, torch.tensor([True, False]), validate_args=True)
    with pytest.raises(NoClosedForm, match=r"Masked needs a base that is Independent over its event.*MixtureSameFamily"):
        masked.log_prob(torch.tensor([0.0, torch.nan]))
