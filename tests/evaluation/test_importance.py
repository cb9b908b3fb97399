"""Weighted draws against enumeration: the mean, its error and the effective number of draws."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent
from torch.testing import assert_close

from helpers.chance import z_limit
from latentia.core import Batch
from latentia.core.errors import LatentiaError
from latentia.evaluation import weighted_mean
from latentia.models import GenerativeModel, NoisyOr
from latentia.posteriors import Posterior

MODEL = NoisyOr(["a", "b", "c"], ["s", "t"], [(0, 0, 0.8), (1, 0, 0.5), (1, 1, 0.9), (2, 1, 0.3)], [0.1, 0.3, 0.2], 0.02)
X = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
ROWS = Batch(X, torch.arange(3), 3)
Z = torch.cartesian_prod(*[torch.arange(2.0)] * 3)


class Fixed(Posterior):
    """The same bits for every row, whatever it shows."""

    def __init__(self, chance: Tensor) -> None:
        super().__init__()
        self.chance = chance

    def infer(self, model: GenerativeModel, batch: Batch) -> Distribution:
        return Independent(Bernoulli(self.chance.expand(len(batch.x), -1)), 1)


def truth() -> tuple[Tensor, Tensor]:
    """(E[z | x] (3, 3), log p(x) (3,)) by enumeration."""
    joint = MODEL.log_joint(Z.unsqueeze(1).expand(-1, 3, -1), ROWS).double()
    return joint.softmax(0).T @ Z.double(), joint.logsumexp(0)


def test_weighted_draws_come_to_the_posteriors_mean_within_their_error() -> None:
    """At most a share of 1e-6 of all seeds fails; the error is right to a quarter, from 150 repetitions."""
    q, (mean, log_px) = Fixed(torch.tensor([0.4, 0.5, 0.3])), truth()
    found = weighted_mean(MODEL, q, ROWS, draws=40_000)
    assert float(((found.mean - mean) / found.error).abs().max()) < z_limit(9, 5e-7)
    assert float(found.error.max()) < 0.01
    error = (1 / found.effective - 1 / 40_000).sqrt()
    assert float(((found.log_px - log_px) / error).abs().max()) < z_limit(3, 5e-7)
    again = torch.stack([weighted_mean(MODEL, q, ROWS, draws=1000, seed=seed).mean for seed in range(150)])
    assert_close(again.std(0), found.error * math.sqrt(40), rtol=0.3, atol=0)


def test_draws_of_the_posterior_itself_are_all_effective() -> None:
    alone = NoisyOr(["a", "b"], ["s"], [], [0.2, 0.7])
    found = weighted_mean(alone, Fixed(torch.tensor([0.2, 0.7])), Batch(torch.zeros(2, 1), torch.arange(2), 2), draws=500)
    assert_close(found.effective, torch.full((2,), 500.0).double(), rtol=1e-4, atol=0)
    binomial = (found.mean * (1 - found.mean) / 500).sqrt()
    assert_close(found.error, binomial, rtol=1e-4, atol=0)


def test_chunks_say_what_the_whole_says() -> None:
    q = Fixed(torch.tensor([0.4, 0.5, 0.3]))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        z = q.infer(MODEL, ROWS).sample((1,))
        z = torch.cat([z, *[q.infer(MODEL, ROWS).sample((1,)) for _ in range(49)]])
    # A budget of one byte draws one at a time, the very draws above.
    found = weighted_mean(MODEL, q, ROWS, draws=50, memory=1)
    w = (MODEL.log_joint(z, ROWS) - q.infer(MODEL, ROWS).log_prob(z)).double()
    share = w.softmax(0)
    assert_close(found.mean, torch.einsum("kb,kbd->bd", share, z.double()))
    assert_close(found.effective, 1 / share.square().sum(0))
    assert_close(found.log_px, w.logsumexp(0) - math.log(50))
    gap = z.double() - found.mean
    assert_close(found.error, torch.einsum("kb,kbd->bd", share**2, gap**2).sqrt())


def test_an_impossible_row_has_no_effective_draw_and_leaves_the_others_alone() -> None:
    leakless = NoisyOr(["a"], ["s", "t"], [(0, 0, 0.5)], leak=0.0)
    rows = Batch(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.arange(2), 2)
    found = weighted_mean(leakless, Fixed(torch.tensor([0.5])), rows, draws=100, memory=1)
    assert bool(found.mean[0].isnan())
    assert (float(found.effective[0]), float(found.log_px[0])) == (0.0, -math.inf)
    assert float(found.mean[1]) == 1.0
    assert float(found.effective[1]) > 10


def test_it_leaves_the_random_state_alone_and_refuses_no_draws() -> None:
    q, before = Fixed(torch.tensor([0.4, 0.5, 0.3])), torch.get_rng_state()
    weighted_mean(MODEL, q, ROWS, draws=3)
    assert torch.equal(before, torch.get_rng_state())
    with pytest.raises(LatentiaError, match="draws is 0"):
        weighted_mean(MODEL, q, ROWS, draws=0)
