"""Hierarchies against one big normal, and levels of labels, bounds and shares."""

import pytest
import torch
from torch import Tensor
from torch.distributions import (
    Categorical,
    Dirichlet,
    Distribution,
    Independent,
    LogNormal,
    MultivariateNormal,
    Normal,
    Uniform,
    constraints,
)
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from helpers.linear_normal import linear_normal, randn, wide
from latentia.core.errors import NoReparameterization, ShapeError
from latentia.distributions.structured import Hierarchy

B, D = 3, 2


def linear_hierarchy() -> tuple[Hierarchy, MultivariateNormal]:
    """Levels with events (), (2,) and (1, 2), each leaning on all above it; the same as one normal."""
    w2, w3, scales = randn(2), randn(2, 3), [0.8, 0.5, 1.3]

    def second(z1: Tensor) -> Distribution:
        return Independent(Normal(z1.unsqueeze(-1) * w2 - 0.3, scales[1]), 1)

    def third(z1: Tensor, z2: Tensor) -> Distribution:
        above = torch.cat([z1.unsqueeze(-1), z2], -1)
        return Independent(Normal((above @ w3.T).unsqueeze(-2) + 0.2, scales[2]), 2)

    def step(i: int, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if i == 1:
            weight[:, 0] = w2
        elif i == 2:
            weight[:, :3] = w3
        m = len(weight)
        return weight, wide([0.4, -0.3, 0.2][i]).expand(m), scales[i] * torch.eye(m).double()

    first = Normal(wide(0.4).expand(B), scales[0])
    return Hierarchy(first, second, third), linear_normal(5, [slice(0, 1), slice(1, 3), slice(3, 5)], step)


def test_a_linear_gaussian_hierarchy_is_a_multivariate_normal() -> None:
    """False alarm: 1e-6."""
    hierarchy, joint = linear_hierarchy()
    assert (hierarchy.batch_shape, hierarchy.event_shape) == ((B,), (5,))
    assert hierarchy.support is constraints.real_vector
    z = randn(7, B, 5)
    assert_close(hierarchy.log_prob(z), joint.log_prob(z), rtol=0, atol=1e-8)
    x = hierarchy.rsample((20_000,))
    assert x.shape == (20_000, B, 5)
    gap = x - joint.loc
    products = gap.unsqueeze(-1) * gap.unsqueeze(-2)
    assert_mean_is(x, joint.loc.expand(B, 5), "means", size=1.0)
    assert_mean_is(products, joint.covariance_matrix.expand(B, 5, 5), "covariances")


def test_levels_add_up_and_split_restores_their_shapes() -> None:
    hierarchy, _ = linear_hierarchy()
    z = hierarchy.sample((7,))
    levels = hierarchy.split(z)
    assert [level.shape for level in levels] == [(7, B), (7, B, 2), (7, B, 1, 2)]
    assert_close(torch.cat([level.reshape(7, B, -1) for level in levels], -1), z)
    laws = hierarchy.levels(z)
    assert [law.batch_shape for law in laws] == [(7, B)] * 3
    total = sum(law.log_prob(level) for law, level in zip(laws, levels, strict=True))
    assert_close(total, hierarchy.log_prob(z))
    wide = hierarchy.expand((4, B))
    assert wide.rsample((2,)).shape == (2, 4, B, 5)
    assert_close(wide.log_prob(z[0]), hierarchy.log_prob(z[0]).expand(4, B))


def test_a_label_above_a_real_stays_a_label() -> None:
    means = torch.tensor([-3.0, 0.0, 5.0]).double()
    d = Hierarchy(Categorical(logits=torch.zeros(B, 3).double()), lambda k: LogNormal(means[k], 1.0))
    z = d.sample((50,))
    label, _ = d.split(z)
    assert label.dtype == torch.int64
    assert d.has_rsample is False
    assert bool(d.support.check(z).all())
    assert d.support.check(torch.tensor([[0.5, 1.0], [2.0, -1.0], [2.0, 1.0]])).tolist() == [False, False, True]
    k, x = torch.tensor(2.0).double(), torch.tensor(0.7).double()
    assert_close(
        d.log_prob(torch.stack([k, x])), (LogNormal(means[2], 1.0).log_prob(x) - torch.tensor(3.0).double().log()).expand(B)
    )
    with pytest.raises(NoReparameterization, match="first is Categorical"):
        d.rsample()


def test_levels_whose_bounds_or_vectors_bind_are_held_to_them() -> None:
    ladder = Hierarchy(Uniform(torch.zeros(B), 1.0), lambda z: Uniform(z, z + 1))
    assert bool(ladder.support.check(ladder.sample((20,))).all())
    assert ladder.support.check(torch.tensor([[0.5, 1.2], [0.5, 1.6], [0.5, 0.4]])).tolist() == [True, False, False]
    shares = Hierarchy(Normal(0.0, 1.0), lambda z: Dirichlet(torch.ones(3) * z.exp().unsqueeze(-1)))
    assert bool(shares.support.check(shares.sample((20,))).all())
    assert not bool(shares.support.check(torch.tensor([0.0, 0.5, 0.5, 0.5])))


def test_a_level_whose_batch_is_not_its_parent_s_is_refused() -> None:
    first = Independent(Normal(torch.zeros(B, D), 1.0), 1)
    with pytest.raises(ShapeError, match="level 2"):
        Hierarchy(first, lambda z: Normal(z, 1.0))
