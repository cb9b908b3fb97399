"""The continuous Bernoulli against torch's where that is exact, and against its limits where it is not."""

import pytest
import torch
from torch.distributions import ContinuousBernoulli as TorchContinuousBernoulli

from latentia.distributions import ContinuousBernoulli

# Around each place where a series hands over to a closed form, and around where torch has one of its own (|logit| < 0.004).
LOGITS = torch.tensor([-20.0, -3.0, -0.1001, -0.0999, -0.0101, -0.0099, 0.0, 0.0099, 0.0101, 0.0999, 0.1001, 0.7, 20.0])
U = torch.linspace(0.05, 0.95, 10).double().unsqueeze(-1)


def test_density_and_moments_are_torch_s_where_the_probability_can_be_told_from_one() -> None:
    ours, theirs = ContinuousBernoulli(LOGITS.double()), TorchContinuousBernoulli(logits=LOGITS.double())
    torch.testing.assert_close(ours.log_prob(U), theirs.log_prob(U), rtol=0, atol=1e-8)
    torch.testing.assert_close(ours.mean, theirs.mean, rtol=0, atol=1e-8)
    torch.testing.assert_close(ours.variance, theirs.variance, rtol=0, atol=1e-7)


@pytest.mark.parametrize("logit", [1.0, -30.0, 200.0, -1e4])
def test_a_steep_density_is_an_exponential_from_its_end(logit: float) -> None:
    steep = ContinuousBernoulli(torch.tensor(logit))
    end = 1.0 if logit > 0 else 0.0
    away = torch.tensor([0.0, 0.5, 3.0]) / abs(logit)
    x = end - away if logit > 0 else away
    leftover = torch.tensor(-abs(logit)).double()
    wanted = torch.tensor(abs(logit)).double().log() - abs(logit) * away - torch.log(-torch.expm1(leftover))
    torch.testing.assert_close(steep.log_prob(x), wanted.float(), rtol=1e-4, atol=2e-3)


def test_draws_run_through_the_quantiles() -> None:
    u = U.expand(-1, len(LOGITS))
    ours, theirs = ContinuousBernoulli(LOGITS.double()), TorchContinuousBernoulli(logits=LOGITS.double())
    torch.testing.assert_close(ours.icdf(u), theirs.icdf(u), rtol=0, atol=1e-6)


def test_gradients_agree_with_finite_differences_on_both_sides_of_each_series() -> None:
    logits = LOGITS.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda a: ContinuousBernoulli(a).log_prob(U), (logits,))
    assert torch.autograd.gradcheck(lambda a: ContinuousBernoulli(a).icdf(U.expand(-1, len(LOGITS))), (logits,))
