"""Autoregressions against one big normal, against every sequence there is, and against networks that peek ahead."""

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Normal, Uniform
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from helpers.linear_normal import linear_normal, randn, wide
from latentia.core.errors import LatentiaError, NoReparameterization, ShapeError, SupportError
from latentia.distributions.structured import Autoregressive

T, B, D = 4, 3, 2


def test_an_autoregression_of_order_one_is_a_multivariate_normal() -> None:
    a, b, s = 0.7, 0.3, 0.5
    start = torch.tensor(1.1, dtype=torch.float64)
    d = Autoregressive(lambda prefix: Normal(a * prefix + b, s), T, start)

    def step(i: int, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if i:
            weight[0, i - 1] = a
        return weight, wide(b if i else a * 1.1 + b).reshape(1), wide(s).reshape(1, 1)

    joint = linear_normal(T, [slice(i, i + 1) for i in range(T)], step)
    x = randn(6, T)
    assert_close(d.log_prob(x), joint.log_prob(x), rtol=0, atol=1e-8)
    assert d.support.event_dim == 1


def test_draws_of_an_autoregression_have_its_moments() -> None:
    """False alarm: 1e-6. Each entry leans on the mean of all before it, so a lost or shifted one shows."""
    index = torch.arange(1, T + 1).double()

    def conditional(prefix: Tensor) -> Distribution:
        return Normal(0.9 * prefix.cumsum(-1) / index[: prefix.shape[-1]] + 0.2, 0.6)

    def step(i: int, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        weight[0, :i] = 0.9 / (i + 1)
        return weight, wide(0.2 + 1.8 / (i + 1)).reshape(1), wide(0.6).reshape(1, 1)

    d = Autoregressive(conditional, T, torch.tensor(2.0).double())
    joint = linear_normal(T, [slice(i, i + 1) for i in range(T)], step)
    x = d.rsample((40_000,))
    gap = x - joint.loc
    assert_mean_is(x, joint.loc, "means")
    assert_mean_is(gap.unsqueeze(-1) * gap.unsqueeze(-2), joint.covariance_matrix, "covariances")
    assert_close(d.log_prob(x[:9]), joint.log_prob(x[:9]), rtol=0, atol=1e-8)


class Recurrent(nn.Module):
    """Tokens or reals through a GRU; ``both_ways`` lets it look ahead."""

    def __init__(self, n_tokens: int = 0, both_ways: bool = False, dropout: float = 0.0) -> None:
        super().__init__()
        self.n_tokens = n_tokens
        self.embed = nn.Embedding(n_tokens, 5) if n_tokens else nn.Linear(1, 5)
        self.dropout = nn.Dropout(dropout)
        self.gru = nn.GRU(5, 6, batch_first=True, bidirectional=both_ways)
        self.out = nn.Linear(12 if both_ways else 6, n_tokens or 2)

    def forward(self, prefix: Tensor) -> Distribution:
        fed = self.dropout(self.embed(prefix if self.n_tokens else prefix.unsqueeze(-1)))
        hidden, _ = self.gru(fed.flatten(0, -3))
        raw = self.out(hidden).reshape(*prefix.shape, -1)
        return Categorical(logits=raw) if self.n_tokens else Normal(raw[..., 0], raw[..., 1].exp())


def test_masses_of_all_token_sequences_sum_to_one_and_draws_come_in_their_shares() -> None:
    """False alarm: 1e-6, over the 81 sequences of a GRU."""
    net = Recurrent(n_tokens=3).double()
    nn.init.normal_(net.out.weight)
    d = Autoregressive(net, T, torch.tensor(0), batch_shape=(1,), validate_args=True)
    every = torch.tensor(list(itertools.product(range(3), repeat=T))).unsqueeze(1)
    mass = d.log_prob(every).exp().detach()
    assert_close(mass.sum(0), torch.ones(1).double(), rtol=0, atol=1e-8)
    x = d.sample((20_000,))
    assert x.dtype == torch.int64
    code = 3 ** torch.arange(T - 1, -1, -1)
    counts = nn.functional.one_hot((x * code).sum(-1).squeeze(-1), 3**T).double()
    common = mass.squeeze(-1) > 0.005
    assert_mean_is(counts[:, common], mass.squeeze(-1)[common], "shares", 0.1, 1.0)
    assert not d.has_rsample
    with pytest.raises(NoReparameterization, match="Categorical"):
        d.rsample()
    with pytest.raises(SupportError):
        d.log_prob(torch.full((1, T), 3))


def test_a_recurrent_network_scores_a_sequence_as_a_loop_would() -> None:
    net = Recurrent().double()
    d = Autoregressive(net, T, torch.tensor(0.5).double(), batch_shape=(B,))
    x = d.rsample((5,))
    assert x.shape == (5, B, T)
    found = d.log_prob(x)
    direct = torch.zeros(5, B).double()
    for i in range(T):
        before = torch.cat([torch.full((5, B, 1), 0.5).double(), x[..., :i]], -1)
        law = net(before)
        assert isinstance(law, Normal)
        direct = direct + Normal(law.loc[..., -1], law.scale[..., -1]).log_prob(x[..., i])
    assert_close(found, direct, rtol=0, atol=1e-8)
    found.sum().backward()
    assert all(p.grad is not None and bool((p.grad != 0).any()) for p in net.parameters())


def test_a_density_is_one_call_where_nothing_is_checked() -> None:
    calls = []

    def conditional(prefix: Tensor) -> Distribution:
        calls.append(prefix.shape)
        return Independent(Normal(prefix, 1.0), 1)

    d = Autoregressive(conditional, T, torch.zeros(D), (B,), validate_args=False)
    d.log_prob(torch.zeros(5, B, T, D))
    assert calls == [(5, B, T, D)]
    calls.clear()
    assert d.sample((5,)).shape == (5, B, T, D)
    assert calls == [(5, B, t, D) for t in range(1, T + 1)]
    wide = d.expand((2, B))
    assert wide.sample().shape == (2, B, T, D)
    assert wide.log_prob(torch.zeros(T, D)).shape == (2, B)
    calls.clear()
    checked = Autoregressive(conditional, T, torch.zeros(D), (B,), validate_args=True)
    checked.log_prob(torch.zeros(B, T, D))
    assert len(calls) > 1
    calls.clear()
    checked.log_prob(torch.zeros(B, T, D))
    assert len(calls) == 1


def peeks_by(ahead: int) -> Callable[[Tensor], Distribution]:
    def conditional(prefix: Tensor) -> Distribution:
        return Normal(0.1 * torch.cat([prefix[..., ahead:], 0 * prefix[..., :ahead]], -1), 1.0)

    return conditional


def only_the_first_peeks(prefix: Tensor) -> Distribution:
    loc = torch.zeros_like(prefix)
    if prefix.shape[-1] > 1:
        loc[..., 0] = prefix[..., 1]
    return Normal(loc, 1.0)


def only_the_last_is_seen_early(prefix: Tensor) -> Distribution:
    loc = torch.zeros_like(prefix)
    if prefix.shape[-1] == 9:
        loc[..., 7] = prefix[..., 8]
    return Normal(loc, 1.0)


PEEKERS = {
    "bidirectional": Recurrent(both_ways=True),
    "by-one": peeks_by(1),
    "by-two": peeks_by(2),
    "only-the-first": only_the_first_peeks,
    "only-the-last": only_the_last_is_seen_early,
    "centered": lambda x: Normal(x - x.mean(-1, True), 1.0),
}


@pytest.mark.parametrize("network", PEEKERS.values(), ids=PEEKERS)
def test_a_network_that_peeks_ahead_is_refused(network: Callable[[Tensor], Distribution]) -> None:
    d = Autoregressive(network, 9, torch.tensor(0.0), (B,), validate_args=True)
    with pytest.raises(LatentiaError, match="peeks ahead"):
        d.log_prob(torch.randn(B, 9))


@pytest.mark.parametrize("network", [Recurrent(), Recurrent(dropout=0.5)], ids=["causal", "dropout"])
def test_a_causal_network_is_not_refused_and_the_check_leaves_no_trace(network: nn.Module) -> None:
    d = Autoregressive(network, 9, torch.tensor(0.0), (B,), validate_args=True)
    x = torch.randn(100, B, 9)
    before = torch.get_rng_state()
    first = d.log_prob(x)
    after_one_call = torch.get_rng_state()
    torch.set_rng_state(before)
    assert_close(d.log_prob(x), first)
    assert torch.equal(torch.get_rng_state(), after_one_call)


def test_a_sequence_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ShapeError, match="length is 0"):
        Autoregressive(lambda x: Normal(x, 1.0), 0, torch.tensor(0.0))
    with pytest.raises(ShapeError, match="floating"):
        Autoregressive(lambda x: Normal(x.float(), 1.0), T, torch.tensor(0)).sample()
    with pytest.raises(ShapeError, match="Independent"):
        Autoregressive(lambda x: Normal(x, 1.0), T, torch.zeros(D)).sample()
    with pytest.raises(NoReparameterization, match="Bernoulli"):
        Autoregressive(lambda x: Bernoulli(logits=x), T, torch.tensor(0.0)).rsample()


def test_a_number_may_start_a_sequence() -> None:
    def conditional(x: Tensor) -> Distribution:
        return Normal(0.5 * x, 1.0)

    d, same = (Autoregressive(conditional, T, start) for start in (0.3, torch.tensor(0.3)))
    x = d.sample((5,))
    assert x.shape == (5, T)
    assert_close(d.log_prob(x), same.log_prob(x))


def test_entries_whose_bounds_depend_on_earlier_ones_are_held_to_them() -> None:
    d = Autoregressive(lambda x: Uniform(x, x + 1), 3, torch.tensor(0.0))
    assert bool(d.support.check(d.sample((20,))).all())
    assert d.support.check(torch.tensor([[0.5, 1.2, 1.3], [0.5, 0.2, 0.6]])).tolist() == [True, False]
