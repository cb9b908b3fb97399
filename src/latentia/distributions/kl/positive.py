"""KL divergences between distributions of one positive number, and those that need an exponential moment."""

import math

import torch
from torch import Tensor
from torch.distributions import Distribution, Exponential, Gamma, Gumbel, Laplace, Weibull, kl_divergence

from latentia.distributions.kl.table import divergence
from latentia.distributions.univariate import Erlang, Logistic, Rayleigh, Reciprocal

EULER = 0.5772156649015329


def _as_gamma(d: Distribution) -> Distribution:
    return Gamma(d.shape, d.rate, validate_args=False) if isinstance(d, Erlang) else d


@divergence(Erlang, Erlang)
@divergence(Erlang, Gamma)
@divergence(Gamma, Erlang)
@divergence(Erlang, Exponential)
@divergence(Exponential, Erlang)
def _gammas(q: Distribution, p: Distribution) -> Tensor:
    """An Erlang is a gamma of integer shape."""
    return kl_divergence(_as_gamma(q), _as_gamma(p))


@divergence(Rayleigh, Rayleigh)
def _rayleigh_rayleigh(q: Rayleigh, p: Rayleigh) -> Tensor:
    log_ratio = 2 * (q.scale.log() - p.scale.log())
    return torch.expm1(log_ratio) - log_ratio


@divergence(Weibull, Weibull)
def _weibull_weibull(q: Weibull, p: Weibull) -> Tensor:
    """Bauckhage (2013), Computing the Kullback-Leibler divergence between two Weibull distributions."""
    k, m = q.concentration, p.concentration
    log_ratio = q.scale.log() - p.scale.log()
    power = (m * log_ratio + torch.lgamma(m / k + 1)).exp()
    return k.log() - m.log() - m * log_ratio + (m / k - 1) * EULER + power - 1


@divergence(Weibull, Gamma)
def _weibull_gamma(q: Weibull, p: Gamma) -> Tensor:
    """Zhang et al. (2018), WHAI: Weibull hybrid autoencoding inference for deep topic modeling."""
    k, a = q.concentration, p.concentration
    log_scale = q.scale.log()
    mean = (log_scale + torch.lgamma(1 + 1 / k)).exp()
    # The Weibull's entropy is EULER (1 - 1/k) + log(scale / k) + 1; its E log x is log scale - EULER / k.
    entropy = EULER * (1 - 1 / k) + log_scale - k.log() + 1
    cross = (a - 1) * (log_scale - EULER / k) + a * p.rate.log() - torch.lgamma(a) - p.rate * mean
    return -entropy - cross


@divergence(Reciprocal, Reciprocal)
def _reciprocal_reciprocal(q: Reciprocal, p: Reciprocal) -> Tensor:
    """Infinite where q reaches beyond p."""
    widths = [d.log_range.log() for d in (q, p)]
    inside = (q.low >= p.low) & (q.high <= p.high)
    return torch.where(inside, widths[1] - widths[0], math.inf)


@divergence(Laplace, Gumbel)
@divergence(Logistic, Gumbel)
def _to_gumbel(q: Laplace | Logistic, p: Gumbel) -> Tensor:
    """Needs E exp(-y), y = (x - p.loc) / p.scale, which is infinite where q's tail is as wide as p's scale."""
    ratio = q.scale / p.scale
    y = (q.loc - p.loc) / p.scale
    finite = ratio < 1
    r = torch.where(finite, ratio, 0.5)
    moment = 1 / (1 - r.square()) if isinstance(q, Laplace) else 1 / torch.sinc(r)
    kl = p.scale.log() + y + (-y).exp() * moment - q.entropy()
    return torch.where(finite, kl, math.inf)
