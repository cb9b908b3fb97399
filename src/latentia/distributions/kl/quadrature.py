"""KL divergences with a part that has no closed form, which a fixed quadrature supplies; they are marked as integrals."""

import math

import torch
from torch import Tensor
from torch.distributions import Beta, Kumaraswamy, Normal
from torch.nn import functional as F

from latentia.distributions.exponential_noise import exponential_nodes
from latentia.distributions.kl.table import Method, divergence
from latentia.distributions.univariate import Gompertz, Logistic

EULER = 0.5772156649015329


@divergence(Logistic, Logistic, Method.QUADRATURE)
@divergence(Normal, Logistic, Method.QUADRATURE)
def _to_logistic(q: Logistic | Normal, p: Logistic) -> Tensor:
    """-log p = log scale + |y| + 2 log(1 + exp(-|y|)), y = (z - loc) / scale: |y| has a closed mean, the rest is a bump.

    The bump is integrated over q's noise where q is the narrower, and over y, where q is smooth, where it is the wider.
    """
    loc, scale = (q.loc - p.loc) / p.scale, q.scale / p.scale
    narrow = scale < 1
    noise, log_mass = _noise(q, loc)
    y = loc.unsqueeze(-1) + torch.where(narrow, scale, 0.5).unsqueeze(-1) * noise
    # By softplus, so that the corner of |y| is in one term only: softplus(y) + softplus(-y) = |y| + the bump.
    over_noise = (log_mass.softmax(-1) * (F.softplus(y) + F.softplus(-y))).sum(-1)
    t, log_weight = exponential_nodes(loc)
    wide = _unit(q, loc.unsqueeze(-1), torch.where(narrow, 2.0, scale).unsqueeze(-1))
    density = wide.log_prob(t).exp() + wide.log_prob(-t).exp()
    # The rule averages over exp(-t), which is divided out of the bump again.
    small = torch.exp(-t)
    bump = torch.where(small > 1e-6, 2 * torch.log1p(small) / small.clamp_min(1e-6), 2 - small)
    over_y = _mean_absolute(_unit(q, loc, scale)) + (log_weight.exp() * bump * density).sum(-1)
    return p.scale.log() + torch.where(narrow, over_noise, over_y) - q.entropy()


def _unit(q: Logistic | Normal, loc: Tensor, scale: Tensor) -> Logistic | Normal:
    return type(q)(loc, scale, validate_args=False)


def _noise(q: Logistic | Normal, like: Tensor) -> tuple[Tensor, Tensor]:
    """Even nodes of q's standard noise, and the log of its density there up to a constant."""
    if isinstance(q, Normal):
        x = torch.linspace(-12, 12, 241, dtype=like.dtype, device=like.device)
        return x, -0.5 * x.square()
    x = torch.linspace(-45, 45, 301, dtype=like.dtype, device=like.device)
    return x, -x.abs() - 2 * torch.log1p(torch.exp(-x.abs()))


def _mean_absolute(y: Logistic | Normal) -> Tensor:
    """E|y|."""
    ratio = y.loc / y.scale
    if isinstance(y, Normal):
        return y.scale * math.sqrt(2 / math.pi) * torch.exp(-0.5 * ratio.square()) + y.loc * torch.erf(ratio / math.sqrt(2))
    return y.scale * (F.softplus(ratio) + F.softplus(-ratio))


@divergence(Gompertz, Gompertz, Method.QUADRATURE)
def _gompertz_gompertz(q: Gompertz, p: Gompertz) -> Tensor:
    """With rate x = log(1 + t / shape), t exponential, only E (1 + t / shape)^(p.rate / q.rate) has no closed form."""
    t, log_weight = exponential_nodes(q.rate)
    ratio = (p.rate / q.rate).unsqueeze(-1)
    power = (log_weight + ratio * torch.log1p(t / q.shape.unsqueeze(-1))).logsumexp(-1).exp()
    cross = p.rate.log() + p.shape.log() + p.rate * q.mean - p.shape * (power - 1)
    return -q.entropy() - cross


@divergence(Kumaraswamy, Beta, Method.QUADRATURE)
def _kumaraswamy_beta(q: Kumaraswamy, p: Beta) -> Tensor:
    """Nalisnick & Smyth (2017), Stick-breaking VAEs, with their series for E log(1 - x) as an integral.

    x^a = 1 - exp(-t / b), t exponential.
    """
    a, b = q.concentration1, q.concentration0
    alpha, beta = p.concentration1, p.concentration0
    log_power = -EULER - torch.digamma(b) - 1 / b  # E log x^a
    t, log_weight = exponential_nodes(a * b)
    rest = t / b.unsqueeze(-1)
    near = torch.log(-torch.expm1(-rest.clamp(max=12.0)))
    near = torch.log(-torch.expm1(near / a.unsqueeze(-1)))
    # Near 1, 1 - x is (1 - x^a) / a and then some.
    far = -rest - a.log().unsqueeze(-1) + 0.5 * (1 - 1 / a.unsqueeze(-1)) * torch.exp(-rest)
    log_one_less = (log_weight.exp() * torch.where(rest > 12.0, far, near)).sum(-1)
    entropy = -(a.log() + b.log() + (a - 1) / a * log_power - (b - 1) / b)
    constant = torch.lgamma(alpha) + torch.lgamma(beta) - torch.lgamma(alpha + beta)
    return -entropy - (alpha - 1) * log_power / a - (beta - 1) * log_one_less + constant
