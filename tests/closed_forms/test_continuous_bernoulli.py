"""The continuous Bernoulli against torch's where that is exact, and against its limits where it is not."""

import mpmath
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
    away = torch.tensor([0.0, 0.5, 3.0]).clamp(max=abs(logit)) / abs(logit)
    x = end - away if logit > 0 else away
    leftover = torch.tensor(-abs(logit)).double()
    wanted = torch.tensor(abs(logit)).double().log() - abs(logit) * away - torch.log(-torch.expm1(leftover))
    torch.testing.assert_close(steep.log_prob(x), wanted.float(), rtol=1e-4, atol=2e-3)


def test_draws_run_through_the_quantiles() -> None:
    u = U.expand(-1, len(LOGITS))
    ours, theirs = ContinuousBernoulli(LOGITS.double()), TorchContinuousBernoulli(logits=LOGITS.double())
    torch.testing.assert_close(ours.icdf(u), theirs.icdf(u), rtol=0, atol=1e-6)


def test_the_cdf_undoes_the_quantiles() -> None:
    u = U.expand(-1, len(LOGITS))
    d = ContinuousBernoulli(LOGITS.double())
    torch.testing.assert_close(d.cdf(d.icdf(u)), u, rtol=0, atol=1e-7)  # the draws' series ends at the square of the logit
    x = u.clone().requires_grad_()
    (slope,) = torch.autograd.grad(d.cdf(x).sum(), x)
    torch.testing.assert_close(slope.log(), d.log_prob(u), rtol=0, atol=1e-8)


@pytest.mark.parametrize("logit", [0.0, 1e-3, 0.0999, 0.1001, -3.0, 25.0, -300.0, 1e4])
def test_entropy_is_the_average_of_the_density(logit: float) -> None:
    a = mpmath.mpf(abs(logit))
    mean = mpmath.mpf(1) / 2 if logit == 0 else 1 / -mpmath.expm1(-a) - 1 / a
    log_constant = 0 if logit == 0 else mpmath.log(a) - mpmath.log(-mpmath.expm1(-a)) - a
    wide = ContinuousBernoulli(torch.tensor(logit, dtype=torch.float64))
    assert float(wide.entropy()) == pytest.approx(float(-a * mean - log_constant), abs=1e-12)
    narrow = ContinuousBernoulli(torch.tensor(logit)).entropy()
    torch.testing.assert_close(narrow, wide.entropy().float(), rtol=1e-6, atol=1e-6)


def test_the_mode_is_the_end_that_is_leant_on() -> None:
    d = ContinuousBernoulli(LOGITS.double())
    ends = torch.stack([d.log_prob(torch.zeros(())), d.log_prob(torch.ones(()))])
    torch.testing.assert_close(d.log_prob(d.mode), ends.max(0).values)


def test_variance_has_a_gradient_where_sinh_overflows() -> None:
    logits = torch.tensor([-1e4, 200.0, 1e4]).requires_grad_()
    variance = ContinuousBernoulli(logits).variance
    (slope,) = torch.autograd.grad(variance.sum(), logits)
    torch.testing.assert_close(variance, logits.detach() ** -2.0)
    torch.testing.assert_close(slope, -2 * logits.detach() ** -3.0)


def test_outside_the_unit_interval_there_is_no_density() -> None:
    d = ContinuousBernoulli(torch.zeros(3), validate_args=False)
    assert d.log_prob(torch.tensor([-0.1, 0.5, 1.1])).tolist() == [-torch.inf, 0.0, -torch.inf]


def test_gradients_agree_with_finite_differences_on_both_sides_of_each_series() -> None:
    logits = LOGITS.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda a: ContinuousBernoulli(a).log_prob(U), (logits,))
    assert torch.autograd.gradcheck(lambda a: ContinuousBernoulli(a).icdf(U.expand(-1, len(LOGITS))), (logits,))
    assert torch.autograd.gradcheck(lambda a: ContinuousBernoulli(a).cdf(U.expand(-1, len(LOGITS))), (logits,))
    assert torch.autograd.gradcheck(lambda a: ContinuousBernoulli(a).entropy(), (logits,))
