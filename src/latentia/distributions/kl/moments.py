"""KL divergences for which q's mean, variance and entropy suffice: to normals and to exponentials, whatever q is."""

import math

import torch
from torch import Tensor
from torch.distributions import Distribution, Exponential, Normal, StudentT, Weibull

from latentia.distributions.kl.table import divergence
from latentia.distributions.univariate import (
    Erlang,
    Gompertz,
    Logistic,
    Rayleigh,
    Reciprocal,
    Triangular,
    TruncatedNormal,
)


@divergence(TruncatedNormal, TruncatedNormal)
def _truncated_to_truncated(q: TruncatedNormal, p: TruncatedNormal) -> Tensor:
    """Infinite where q reaches beyond p."""
    top = p.mode
    # E (x - mu)^2 - (mode - mu)^2, from the deviations of q's mean: no large squares are subtracted.
    fall = q.variance + (q.mean - top) * (q.mean + top - 2 * p.loc)
    cross = fall / (2 * p.scale.square()) - p.log_prob(top)
    inside = (q.low >= p.low) & (q.high <= p.high)
    return torch.where(inside, cross - q.entropy(), math.inf)


def _moments_to_normal(q: Distribution, p: Normal) -> Tensor:
    return _cross_entropy(q.mean, q.variance, p) - q.entropy()


def _cross_entropy(mean: Tensor, variance: Tensor, p: Normal) -> Tensor:
    """-E log p(z): whatever z's law is, log p is a parabola, of which its mean and variance say the expectation."""
    miss = (variance + (mean - p.loc).square()) / (2 * p.scale.square())
    return miss + p.scale.log() + 0.5 * math.log(2 * math.pi)


for _q in (Logistic, Rayleigh, Reciprocal, Gompertz, Erlang, Triangular, TruncatedNormal):
    divergence(_q, Normal)(_moments_to_normal)


@divergence(StudentT, Normal)
def _student_t_to_normal(q: StudentT, p: Normal) -> Tensor:
    """Infinite without a variance."""
    has_variance = q.df > 2
    df = torch.where(has_variance, q.df, 3.0)
    variance = q.scale.square() * df / (df - 2)
    return torch.where(has_variance, _cross_entropy(q.loc, variance, p) - q.entropy(), math.inf)


def _mean_to_exponential(q: Distribution, p: Exponential) -> Tensor:
    """Whatever q is on the positive half, log p is a line, of which q's mean says the expectation."""
    return p.rate * q.mean - p.rate.log() - q.entropy()


for _q in (Rayleigh, Reciprocal, Gompertz, Weibull):
    divergence(_q, Exponential)(_mean_to_exponential)
