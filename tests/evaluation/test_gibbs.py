"""Long chains against sums over all states."""

import math
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent, Normal, OneHotCategorical
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from latentia.core import Batch
from latentia.core.errors import LatentiaError, ShapeError, SupportError
from latentia.evaluation import gibbs
from latentia.models import PPCA, BayesNet, GenerativeModel, NoisyOr

# Few dependent sweeps of many chains: the test is of what chains aim at, and their beginnings are forgotten soon.
MANY: dict[str, Any] = {"chains": 400, "sweeps": 40, "burn_in": 20}


class Codes(GenerativeModel):
    """z: D one-hot codes or D bits; x real, normal around a function in which latents explain each other away."""

    def __init__(self, prior: Distribution) -> None:
        super().__init__()
        self._prior = prior
        n = prior.event_shape.numel()
        self.z_shape, self.x_shape = prior.event_shape, torch.Size((2,))
        self.w = torch.randn(n, 2, dtype=torch.float64)
        self.pairs = torch.randn(n, n, 2, dtype=torch.float64)

    def prior(self, given: Tensor | None = None) -> Distribution:
        return self._prior

    def likelihood(self, z: Tensor, given: Tensor | None = None) -> Distribution:
        flat = z.reshape(*z.shape[:2], -1)
        mean = flat @ self.w + torch.einsum("kbi,kbj,ijx->kbx", flat, flat, self.pairs)
        return Independent(Normal(mean, 1.0), 1)


def by_enumeration(model: GenerativeModel, batch: Batch, states: Tensor) -> Tensor:
    """E[z | x]: (B, *z_shape), from all states (n, *z_shape)."""
    log = model.log_joint(states.unsqueeze(1).expand(-1, len(batch.x), *model.z_shape), batch)
    return torch.tensordot(log.softmax(0).T, states, 1)


def batch_of(x: Tensor, mask: Tensor | None = None) -> Batch:
    return Batch(x, torch.arange(len(x)), len(x), mask=mask)


def all_bits(n: int) -> Tensor:
    return torch.tensor(list(product((0.0, 1.0), repeat=n)), dtype=torch.float64)


def test_bits_of_any_model() -> None:
    """False alarm: 1e-6 over the seed."""
    model = Codes(Independent(Bernoulli(torch.tensor([0.3, 0.6, 0.5, 0.2], dtype=torch.float64)), 1))
    batch = batch_of(model.sample(3))
    found = gibbs(model, batch, **MANY)
    assert_mean_is(found.chain_means, by_enumeration(model, batch, all_bits(4)), "bits")
    assert_close(found.chain_means.mean(0), found.marginals)
    long = gibbs(model, batch, chains=8, sweeps=1000, burn_in=50)
    assert bool((long.r_hat < 1.1).all())
    assert bool((long.r_hat < found.r_hat + 0.02).all()), "longer chains are nearer to each other"


def test_codes_of_any_model() -> None:
    """False alarm: 1e-6 over the seed. Three states are more than a flip there and back."""
    model = Codes(Independent(OneHotCategorical(torch.tensor([[0.2, 0.5, 0.3]] * 2, dtype=torch.float64)), 1))
    batch = batch_of(model.sample(3))
    states = torch.stack([torch.stack(pair) for pair in product(torch.eye(3, dtype=torch.float64), repeat=2)])
    found = gibbs(model, batch, **MANY)
    assert found.marginals.shape == (3, 2, 3)
    assert_mean_is(found.chain_means, by_enumeration(model, batch, states), "codes")
    assert_close(found.marginals.sum(-1), torch.ones(3, 2, dtype=torch.float64))


def a_network() -> BayesNet:
    def variable(name: str, parents: list[str], table: list[list[float]]) -> dict[str, Any]:
        return {"name": name, "states": [str(i) for i in range(len(table[0]))], "parents": parents, "table": table}

    return BayesNet(
        [
            variable("c", ["a", "b"], [[0.2, 0.8], [0.5, 0.5], [0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.6, 0.4]]),
            variable("a", [], [[0.3, 0.7]]),
            variable("b", ["a"], [[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]]),
        ]
    )


def test_blocks_of_a_network_of_which_some_is_seen() -> None:
    """False alarm: 1e-6 over the seed. What was seen stays as it was seen."""
    model = a_network()
    x = model.sample(4)
    mask = torch.zeros_like(x, dtype=torch.bool)
    mask[1:, :2], mask[3, 4:] = True, True
    batch = batch_of(x.masked_fill(~mask, torch.nan), mask)
    found = gibbs(model, batch, **MANY)
    # The tables of the model's own density are float32.
    assert_mean_is(found.chain_means, model.exact_marginals(batch), "blocks", rounding=1e-6)
    assert_close(found.marginals[mask], x[mask].double())
    assert bool((found.error[mask] == 0).all())
    assert bool((found.r_hat[mask] == 1).all())


def noisy_or(certain: bool = False) -> NoisyOr:
    w = torch.rand(6, 5)
    edges = [(i, j, float(w[i, j])) for i, j in product(range(6), range(5)) if (i + 2 * j) % 3]
    if certain:
        edges[1], edges[4] = (*edges[1][:2], 1.0), (*edges[4][:2], 1.0)
    return NoisyOr([f"d{i}" for i in range(6)], [f"x{j}" for j in range(5)], edges, 0.3, [0.0, 0.1, 0.0, 0.2, 0.05])


@pytest.mark.parametrize("certain", [False, True])
def test_the_faster_way_through_a_noisy_or_network(certain: bool) -> None:
    """False alarm: 1e-6 over the seed. Findings without a leak, which need a cause, and strengths of one among them."""
    model = noisy_or(certain)
    x = model.sample(8).double()
    x[0] = 0
    mask = torch.rand(x.shape) < 0.8
    batch = batch_of(x.masked_fill(~mask, torch.nan), mask)
    found = gibbs(model, batch, **MANY)
    assert_mean_is(found.chain_means, model.exact_marginals(batch), "causes")
    off = (found.marginals - model.exact_marginals(batch)) / found.error
    # The mean of some forty squares, of which seven rows' are independent: chi-squared of 7 stays inside but once in 1e5.
    assert 0.15 < float(off[found.error > 1e-6].square().mean().sqrt()) < 2.3, "the error says how far off it is"
    # Of a row without positive findings every chain knows the answer.
    assert bool((found.error[0] < 1e-15).all())
    assert bool((found.r_hat[0] == 1).all())


def test_both_ways_through_a_noisy_or_network_agree() -> None:
    """False alarm: 1e-6 over the seed."""

    class Plain(GenerativeModel):
        """The same network, without its name."""

        def __init__(self, inner: NoisyOr) -> None:
            super().__init__()
            self.inner, self.x_shape, self.z_shape = inner, inner.x_shape, inner.z_shape

        def prior(self, given: Tensor | None = None) -> Distribution:
            return self.inner.prior(given)

        def likelihood(self, z: Tensor, given: Tensor | None = None) -> Distribution:
            return self.inner.likelihood(z, given)

    model = noisy_or().double()
    batch = batch_of(model.sample(3))
    start = torch.ones(400, 3, 6, dtype=torch.float64)
    slow = gibbs(Plain(model), batch, start=start, **MANY)
    fast = gibbs(model, batch, start=start, **MANY)
    assert_mean_is(slow.chain_means - fast.chain_means, torch.zeros(3, 6), "difference", size=5.0, rounding=1e-6)


def test_chains_that_cannot_cross_are_told_by_r_hat() -> None:
    """Two bits that are equal: from either of two states no single flip leads to a possible one."""
    table = [[1.0, 0.0], [0.0, 1.0]]
    first = {"name": "a", "states": ["0", "1"], "table": [[0.5, 0.5]]}
    model = BayesNet([first, {"name": "b", "states": ["0", "1"], "parents": ["a"], "table": table}])
    x = torch.zeros(1, 4)
    found = gibbs(model, batch_of(x, torch.zeros(1, 4, dtype=torch.bool)), chains=20, sweeps=10)
    assert bool((found.r_hat == math.inf).all())
    assert bool((found.error > 0.05).all())


def test_it_is_seeded_and_leaves_the_callers_randomness_alone() -> None:
    model = noisy_or()
    batch = batch_of(model.sample(2))
    before = torch.get_rng_state()
    one, two, other = (gibbs(model, batch, 4, 10, 2, seed=seed).marginals for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_what_cannot_be_sampled_is_refused() -> None:
    model = noisy_or()
    batch = batch_of(model.sample(2))
    impossible: list[dict[str, Any]] = [{"chains": 1}, {"sweeps": 3}, {"burn_in": -1}]
    for wrong in impossible:
        with pytest.raises(LatentiaError, match="wanted at least 2, 4 and 0"):
            gibbs(model, batch, **wrong)
    with pytest.raises(ShapeError, match="start has shape"):
        gibbs(model, batch, chains=4, start=torch.zeros(4, 1, 6))
    ppca = PPCA(2, 3)
    with pytest.raises(SupportError, match="annealed importance sampling"):
        gibbs(ppca, batch_of(ppca.sample(2)))
    with pytest.raises(LatentiaError, match=r"1 of 2 rows cannot be under this model, the first in row \[1\]"):
        gibbs(NoisyOr(["d"], ["x", "y"], [(0, 0, 1.0)], 0.3, 0.0), batch_of(torch.tensor([[1.0, 0.0], [1.0, 1.0]])))
    network = a_network()
    x, mask = network.sample(1), torch.ones(1, 7, dtype=torch.bool)
    with pytest.raises(LatentiaError, match="4 of 4 chains came to no state that is possible, the first of row 0"):
        gibbs(network, batch_of(x, mask), chains=4, sweeps=4, start=(1 - x).expand(4, 1, 7).clone())
