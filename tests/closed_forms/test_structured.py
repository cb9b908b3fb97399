"""Chains against one big normal and against every path there is; the structured entries' gradients against quadrature."""

import itertools

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, MultivariateNormal, Normal, Uniform
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from helpers.linear_normal import linear_normal, randn
from latentia.core.errors import NoReparameterization, ShapeError, SupportError
from latentia.distributions.structured import STRUCTURED, Autoregressive, Chain, Hierarchy

T, B, D = 4, 3, 2


class LinearChain:
    """z_0 ~ N(m, L L'), z_t = A_t z_{t-1} + b_t + L_t e, different for each step and row; also as one normal a row."""

    def __init__(self) -> None:
        self.weight, self.offset = 0.6 * randn(T, B, D, D), randn(T, B, D)
        self.root = torch.tril(0.3 * randn(T, B, D, D)) + torch.eye(D)
        self.asked: list[tuple[torch.Size, torch.Size]] = []
        initial = MultivariateNormal(self.offset[0], scale_tril=self.root[0])
        self.chain = Chain(initial, self.transition, T)

    def transition(self, previous: Tensor, t: Tensor) -> Distribution:
        self.asked.append((previous.shape, t.shape))
        loc = (self.weight[t] @ previous.unsqueeze(-1)).squeeze(-1) + self.offset[t]
        return MultivariateNormal(loc, scale_tril=self.root[t])

    def as_one_normal(self, row: int) -> MultivariateNormal:
        def step(t: int, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            if t:
                weight[:, (t - 1) * D : t * D] = self.weight[t, row]
            return weight, self.offset[t, row], self.root[t, row]

        return linear_normal(T * D, [slice(t * D, t * D + D) for t in range(T)], step)


def test_a_linear_gaussian_chain_is_a_multivariate_normal() -> None:
    linear = LinearChain()
    z = randn(5, B, T, D)
    found = linear.chain.log_prob(z)
    for row in range(B):
        assert_close(found[:, row], linear.as_one_normal(row).log_prob(z[:, row].flatten(1)), rtol=0, atol=1e-8)


def test_draws_of_a_linear_gaussian_chain_have_its_moments() -> None:
    """False alarm: 1e-6. Means and second moments of the whole path, a row."""
    linear = LinearChain()
    assert linear.chain.has_rsample
    z = linear.chain.rsample((40_000,)).flatten(2)
    joint = [linear.as_one_normal(row) for row in range(B)]
    center = torch.stack([d.loc for d in joint])
    gap = z - center
    products = gap.unsqueeze(-1) * gap.unsqueeze(-2)
    assert_mean_is(z, center, "means")
    assert_mean_is(products, torch.stack([d.covariance_matrix for d in joint]), "covariances")


def test_a_transition_is_asked_a_step_at_a_time_in_drawing_and_all_steps_at_once_in_scoring() -> None:
    linear = LinearChain()
    z = linear.chain.sample((6, 5))
    assert z.shape == (6, 5, B, T, D)
    assert linear.asked == [(torch.Size((6, 5, B, D)), torch.Size(()))] * (T - 1)
    linear.asked.clear()
    assert linear.chain.log_prob(z).shape == (6, 5, B)
    assert linear.asked == [(torch.Size((T - 1, 6, 5, B, D)), torch.Size((T - 1, 1, 1)))]
    assert_close(linear.chain.log_prob(z[0, 0, 0]), linear.chain.log_prob(z[0, 0, :1].expand(B, T, D)))


def test_axes_that_expand_adds_to_a_chain_are_sample_axes() -> None:
    linear = LinearChain()
    wide = linear.chain.expand((4, B))
    z = wide.rsample((2,))
    assert z.shape == (2, 4, B, T, D)
    assert_close(wide.log_prob(z), linear.chain.log_prob(z))
    assert_close(wide.log_prob(z[0, 0]), linear.chain.log_prob(z[0, 0]).expand(4, B))
    one = Chain(Normal(torch.zeros(1), 1.0), lambda z, t: Normal(z, torch.ones(T, 1)[t]), T)
    assert one.expand((B,)).log_prob(one.expand((B,)).sample((2,))).shape == (2, B)


def test_what_is_laid_out_by_step_and_batch_is_indexed_by_the_step() -> None:
    for batch in ((), (B,), (2, B)):
        drift = randn(T, *batch)
        chain = Chain(Normal(drift[0], 1.0), lambda z, t, drift=drift: Normal(z + drift[t], 1.0), T)
        z = chain.sample((5,))
        steps = torch.cat([z[..., :1], z.diff(dim=-1)], -1)
        assert_close(chain.log_prob(z), Normal(drift.movedim(0, -1), 1.0).log_prob(steps).sum(-1))


def test_every_path_of_a_discrete_chain_has_its_product_of_masses() -> None:
    start, table = randn(B, 3), randn(T, B, 3, 3)

    def transition(previous: Tensor, t: Tensor) -> Distribution:
        logits = table[t].expand(*previous.shape, 3, 3)
        return Categorical(logits=logits.gather(-2, previous[..., None, None].expand(*previous.shape, 1, 3)).squeeze(-2))

    chain = Chain(Categorical(logits=start), transition, T)
    assert chain.support.is_discrete
    paths = torch.tensor(list(itertools.product(range(3), repeat=T))).unsqueeze(1)
    found = chain.log_prob(paths)
    assert_close(found.exp().sum(0), torch.ones(B).double(), rtol=0, atol=1e-8)
    for row, path in itertools.product(range(B), paths.squeeze(1)):
        direct = start[row].log_softmax(-1)[path[0]]
        for t in range(1, T):
            direct = direct + table[t, row, path[t - 1]].log_softmax(-1)[path[t]]
        assert_close(chain.log_prob(path)[row], direct, rtol=0, atol=1e-8)
    assert chain.sample((7,)).dtype == torch.int64
    assert not chain.has_rsample
    with pytest.raises(NoReparameterization, match="initial is Categorical"):
        chain.rsample()


def test_a_chain_carries_a_gradient_only_if_every_part_does() -> None:
    chain = Chain(Normal(0.0, 1.0), lambda z, _: Bernoulli(logits=z), 2)
    assert not chain.has_rsample
    with pytest.raises(NoReparameterization, match="transition is Bernoulli"):
        chain.rsample()
    alone = Chain(Normal(0.0, 1.0), lambda z, _: Bernoulli(logits=z), 1)
    assert alone.has_rsample
    assert_close(alone.log_prob(torch.tensor([0.3])), Normal(0.0, 1.0).log_prob(torch.tensor(0.3)))


def test_a_transition_that_forgets_still_draws_anew_for_every_sample() -> None:
    chain = Chain(Normal(torch.zeros(B), 1.0), lambda _, __: Normal(torch.zeros(B), 1.0), 2)
    z = chain.sample((50,))
    assert z[..., 1].unique().numel() == 50 * B
    assert_close(chain.log_prob(z), Normal(0.0, 1.0).log_prob(z).sum(-1))


def test_a_chain_that_does_not_fit_is_refused() -> None:
    initial = Independent(Normal(torch.zeros(B, D), 1.0), 1)
    with pytest.raises(ShapeError, match="length is 0"):
        Chain(initial, lambda _, __: initial, 0)
    loose = Chain(initial, lambda z, _: Normal(z, 1.0), T, validate_args=True)
    with pytest.raises(ShapeError, match="Independent"):
        loose.sample()
    with pytest.raises(ShapeError, match="Independent"):
        loose.log_prob(torch.zeros(B, T, D))
    with pytest.raises(ShapeError, match="event shape"):
        loose.log_prob(torch.zeros(B, T + 1, D))
    with pytest.raises(SupportError, match="a value"):
        loose.log_prob(torch.full((B, T, D), torch.nan))


def test_each_step_is_held_to_its_own_bounds_where_bounds_are_parameters() -> None:
    low = torch.tensor([0.0, 10.0])
    chain = Chain(Uniform(low, low + 1), lambda z, _: Uniform(z, z + 1), 3)
    z = chain.sample((20,))
    assert bool(chain.support.check(z).all())
    assert_close(chain.log_prob(z), torch.zeros(20, 2))
    assert chain.support.check(torch.tensor([[0.5, 1.2, 1.3], [10.5, 10.2, 10.6]])).tolist() == [True, False]


def test_a_probe_leaves_the_random_state_as_it_was() -> None:
    before = torch.get_rng_state()
    Hierarchy(Normal(0.0, 1.0), lambda z: Normal(z, 1.0))
    assert Chain(Normal(0.0, 1.0), lambda z, _: Normal(z, 1.0), 2).has_rsample
    assert Autoregressive(lambda x: Normal(x, 1.0), 2, torch.tensor(0.0)).has_rsample
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", ["chain", "autoregressive", "hierarchy"])
def test_pathwise_gradients_average_to_those_of_the_integral(name: str) -> None:
    """False alarm: 1e-6 an entry. The gradient of E f by every parameter, against quadrature of the log density."""
    entry = STRUCTURED[name]
    parameters = entry.parameters(dtype=torch.float64)

    def f(z: Tensor) -> Tensor:
        return torch.sin(z[..., 0] + 0.3) + torch.tanh(z[..., 1] - 0.5 * z[..., 0])

    side = torch.linspace(-9, 9, 601, dtype=torch.float64)
    points = torch.cartesian_prod(side, side).unsqueeze(1)
    leaves = {key: p.clone().requires_grad_() for key, p in parameters.items()}
    mass = entry.make(**leaves).log_prob(points).exp() * (side[1] - side[0]) ** 2
    assert_close(mass.sum(0), torch.ones(2).double(), rtol=0, atol=1e-8)
    (f(points) * mass).sum().backward()
    n = 20_000
    copies = {key: p.expand(n, 2).clone().requires_grad_() for key, p in parameters.items()}
    f(entry.make(**copies).rsample()).sum().backward()
    for key, copy in copies.items():
        truth = leaves[key].grad
        assert copy.grad is not None
        assert truth is not None
        assert_mean_is(copy.grad, truth, key, size=1.0)
