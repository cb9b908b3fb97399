"""An encoder that believes what it sees: observed entries are certain, the rest is the encoder's."""

import pytest
import torch
from torch.testing import assert_close

from latentia.core import Batch
from latentia.core.errors import ShapeError
from latentia.families import Bernoulli, DiagonalNormal, Family, OneHotBlocks
from latentia.models import BayesNet, NoisyOr
from latentia.networks import MLP
from latentia.posteriors import Amortized, Clamped

SIZES = [2, 3]
B = 6


def model() -> BayesNet:
    first = {"name": "a", "states": ["x", "y"], "table": [[0.3, 0.7]]}
    table = [[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]]
    return BayesNet([first, {"name": "b", "states": ["u", "v", "w"], "parents": ["a"], "table": table}])


def batch_with(mask: torch.Tensor) -> Batch:
    x = model().sample(B)
    return Batch(torch.where(mask, x, 0.0), torch.arange(B), B, mask=mask)


@pytest.mark.parametrize("family", [OneHotBlocks(SIZES), Bernoulli()], ids=["blocks", "bits"])
def test_what_was_seen_is_certain_and_the_rest_is_the_encoders(family: Family) -> None:
    posterior = Clamped(MLP(5, [8], 5), family)
    mask = torch.zeros(B, 5, dtype=torch.bool)
    mask[:3, :2], mask[2:5, 2:] = True, True
    batch = batch_with(mask)
    mean = posterior.infer(model(), batch).mean
    plain = Amortized(posterior.network, family).encode(batch.x, mask).mean
    assert_close(mean[mask], batch.x[mask], rtol=0, atol=1e-12)
    assert_close(mean[~mask], plain[~mask])
    draws = posterior.infer(model(), batch).sample((500,))
    assert bool((draws == batch.x)[:, mask].all())
    assert bool((model().log_likelihood(draws, batch) == 0).all())


def test_nothing_masked_is_all_seen_and_a_missing_value_may_be_anything() -> None:
    posterior = Clamped(MLP(5, [8], 5), OneHotBlocks(SIZES))
    whole = batch_with(torch.ones(B, 5, dtype=torch.bool))
    assert_close(posterior.infer(model(), whole._replace(mask=None)).mean, whole.x, rtol=0, atol=1e-12)
    mask = torch.zeros(B, 5, dtype=torch.bool)
    mask[:, 2:] = True
    holed = batch_with(mask)
    dirty = holed._replace(x=holed.x.masked_fill(~mask, torch.nan))
    assert_close(posterior.infer(model(), dirty).mean, posterior.infer(model(), holed).mean, rtol=0, atol=0)


def test_the_encoder_learns_of_missing_entries_alone() -> None:
    posterior = Clamped(MLP(5, [], 5), OneHotBlocks(SIZES))
    mask = torch.zeros(B, 5, dtype=torch.bool)
    mask[:, :2] = True
    batch = batch_with(mask)
    (-posterior.infer(model(), batch).log_prob(model().sample(B))).sum().backward()
    weight = posterior.network.output_bias.grad
    assert weight is not None
    assert not bool(weight[:2].any())
    assert bool((weight[2:] != 0).all())


def test_parts_that_cannot_be_clamped_are_refused() -> None:
    with pytest.raises(ShapeError, match="one-hot-blocks"):
        Clamped(MLP(5, [], 5, per_value=2), DiagonalNormal())
    with pytest.raises(ShapeError, match="amortized"):
        Clamped(MLP(5, [], 4), Bernoulli())


def test_a_model_whose_x_is_no_part_of_its_z_is_refused() -> None:
    """Three effects of three causes have z's shape, and say nothing of it for certain."""
    other = NoisyOr(["a", "b", "c"], ["x", "y", "z"], [(0, 0, 0.5), (1, 1, 0.5), (2, 2, 0.5)], 0.2, 0.1)
    batch = Batch(torch.ones(1, 3), torch.arange(1), 1)
    with pytest.raises(ShapeError, match="NoisyOr's x is not; use 'amortized'"):
        Clamped(MLP(3, [], 3), Bernoulli()).infer(other, batch)
