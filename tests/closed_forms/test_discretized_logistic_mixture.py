"""The mixture of discretized logistics against sums over its components and over its grid."""

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from latentia.core.errors import ShapeError, SupportError
from latentia.distributions.discrete import DiscretizedLogistic, DiscretizedLogisticMixture

LEVELS = pytest.mark.parametrize("levels", [2, 17, 256])


def parameters(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """Batch (4, 2), three components: near and far, narrow and wide, one of them all but absent."""
    logits = 2 * torch.randn(4, 2, 3, dtype=dtype)
    logits[0, 0] = torch.tensor([0.0, -40.0, 2.0], dtype=dtype)
    return logits, 0.5 + 0.6 * torch.randn(4, 2, 3, dtype=dtype), (torch.randn(4, 2, 3, dtype=dtype) - 2).exp()


@LEVELS
def test_masses_are_the_weighted_sum_of_the_components_masses(levels: int) -> None:
    logits, loc, scale = parameters()
    d = DiscretizedLogisticMixture(logits, loc, scale, levels)
    x = d.enumerate_support()
    assert x.shape == (levels, 4, 2)
    each = DiscretizedLogistic(loc, scale, levels).log_prob(x.unsqueeze(-1)).exp()
    direct = (logits.softmax(-1) * each).sum(-1)
    assert_close(d.log_prob(x).exp(), direct, rtol=1e-10, atol=1e-14)
    assert_close(direct.sum(0), torch.ones(4, 2).double(), rtol=0, atol=1e-12)


@LEVELS
def test_moments_mode_and_entropy_are_those_of_the_masses(levels: int) -> None:
    d = DiscretizedLogisticMixture(*parameters(), levels)
    x = d.enumerate_support()
    mass = d.log_prob(x).exp()
    mean = (x * mass).sum(0)
    assert_close(d.mean, mean)
    assert_close(d.variance, ((x - mean).square() * mass).sum(0))
    assert_close(d.mode, x[:, 0, 0][mass.argmax(0)])
    assert_close(d.entropy(), torch.special.entr(mass).sum(0))


def test_one_component_is_the_discretized_logistic() -> None:
    _, loc, scale = parameters()
    one = DiscretizedLogisticMixture(torch.full((4, 2, 1), 7.0).double(), loc[..., :1], scale[..., :1], 17)
    plain = DiscretizedLogistic(loc[..., 0], scale[..., 0], 17)
    x = plain.enumerate_support()
    assert_close(one.log_prob(x), plain.log_prob(x))
    assert_close(one.variance, plain.variance)
    assert_close(one.entropy(), plain.entropy())


def test_gradients_agree_with_finite_differences() -> None:
    leaves = [p[:2].clone().requires_grad_() for p in parameters()]
    x = torch.tensor([0.0, 3 / 16, 1.0]).double().reshape(-1, 1, 1)
    assert torch.autograd.gradcheck(lambda *p: DiscretizedLogisticMixture(*p, levels=17).log_prob(x), leaves)


def test_draws_come_in_the_shares_of_their_masses() -> None:
    """False alarm: 1e-6. Levels that are drawn at least 200 times in expectation."""
    d = DiscretizedLogisticMixture(*parameters(), levels=5)
    x = d.enumerate_support()
    mass = d.log_prob(x).exp()
    hits = (d.sample((20_000,)).unsqueeze(1) - x).abs() < 1e-6
    assert_mean_is(hits[:, mass > 0.01].double(), mass[mass > 0.01], "shares")


def test_the_likeliest_level_may_be_an_end_that_takes_a_tail() -> None:
    d = DiscretizedLogistic(torch.tensor([0.8, 0.8, -3.0, 0.3]), torch.tensor([0.3, 0.01, 0.5, 5.0]), 17)
    x = d.enumerate_support()
    assert_close(d.mode, x[:, 0][d.log_prob(x).argmax(0)])
    assert_close(d.mode[:3], torch.tensor([1.0, 13 / 16, 0.0]))


def test_an_all_but_certain_level_has_no_negative_variance() -> None:
    sure = DiscretizedLogistic(torch.linspace(0, 1, 500), torch.tensor(3e-4))
    assert bool((sure.variance >= 0).all())


def test_unchecked_values_belong_to_their_cell_and_beyond_the_ends_to_none() -> None:
    logits, loc, scale = (p[0, 0].float() for p in parameters())
    d = DiscretizedLogisticMixture(logits, loc, scale, 5, validate_args=False)
    assert_close(d.log_prob(torch.tensor([0.26, 1.1])), d.log_prob(torch.tensor([0.25, 1.0])))
    assert bool((d.log_prob(torch.tensor([-0.13, 1.13, -9.0])) == -torch.inf).all())
    with pytest.raises(SupportError, match="multiple of 1/4"):
        DiscretizedLogisticMixture(logits, loc, scale, 5, validate_args=True).log_prob(torch.tensor([0.3]))


def test_the_cdf_is_the_cumulated_masses() -> None:
    d = DiscretizedLogisticMixture(*parameters(), 17)
    x = d.enumerate_support()
    assert_close(d.cdf(x), d.log_prob(x).exp().cumsum(0))
    assert not bool(d.cdf(torch.tensor(-0.1)).any())


def test_a_number_is_the_location_or_scale_of_every_component() -> None:
    logits, loc, _ = parameters()
    short = DiscretizedLogisticMixture(logits, loc, 0.1, 17)
    x = short.enumerate_support()
    full = DiscretizedLogisticMixture(logits, loc, torch.full_like(loc, 0.1), 17)
    assert_close(short.log_prob(x), full.log_prob(x))
    assert DiscretizedLogisticMixture(logits, 0.5, 0.1, 17).log_prob(x).dtype == torch.float64


@pytest.mark.parametrize("levels", [0, 1, 2.5])
def test_fewer_than_two_levels_are_refused(levels: int) -> None:
    with pytest.raises(SupportError, match=r"DiscretizedLogisticMixture: levels is .* at least 2"):
        DiscretizedLogisticMixture(*parameters(), levels=levels)


def test_a_differing_number_of_components_is_refused() -> None:
    with pytest.raises(ShapeError, match="components"):
        DiscretizedLogisticMixture(torch.zeros(2, 3), torch.zeros(2, 3), torch.ones(2, 1))
    with pytest.raises(ShapeError, match="components"):
        DiscretizedLogisticMixture(torch.zeros(()), torch.zeros(()), torch.ones(()))


def test_batches_broadcast_and_levels_stay_a_number() -> None:
    d = DiscretizedLogisticMixture(torch.zeros(3), torch.zeros(4, 1, 3), torch.ones(2, 3), 17)
    assert d.batch_shape == (4, 2)
    assert d.sample((5,)).shape == (5, 4, 2)
    wide = d.expand((6, 4, 2))
    assert wide.levels == 17
    assert wide.logits.shape == (6, 4, 2, 3)
    assert wide.log_prob(torch.tensor(0.5)).shape == (6, 4, 2)
