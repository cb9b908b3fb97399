"""The variances of five gradients on one problem, each against a quadrature of the estimator written out by hand.

z ~ N(0, 1), x | z ~ N(z, 0.8^2), q = N(m, e^2s): log p(x, z) is a parabola in z and every estimator a polynomial.
"""

import math
from collections.abc import Callable

import pytest
import torch
from numpy.polynomial.hermite_e import hermegauss
from torch import Size, Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from helpers.chance import z_limit
from latentia.bounds import Elbo
from latentia.core import Batch, LatentiaError
from latentia.evaluation import gradient_noise
from latentia.gradients import AnalyticKL, DoublyReparameterized, Gradient, LeaveOneOut, Reparameterized, ScoreFunction
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior

X, NOISE = 1.3, 0.8
M, S = 0.4, -0.3
REPEATS = 1_500


class Line(GenerativeModel):
    x_shape = z_shape = Size((1,))

    def prior(self, given: Tensor | None = None) -> Distribution:
        return Independent(Normal(torch.zeros(1).double(), 1.0), 1)

    def likelihood(self, z: Tensor, given: Tensor | None = None) -> Distribution:
        return Independent(Normal(z, NOISE), 1)


class One(Posterior):
    """The same normal for every row."""

    def __init__(self) -> None:
        super().__init__()
        self.loc = nn.Parameter(torch.tensor([M]).double())
        self.log_scale = nn.Parameter(torch.tensor([S]).double())

    def infer(self, model: GenerativeModel, batch: Batch) -> Distribution:
        return Independent(Normal(self.loc, self.log_scale.exp()), 1).expand((batch.x.shape[0],))


def f(z: Tensor) -> Tensor:
    """log p(x, z) - log q(z)."""
    log_p = -0.5 * z.square() - 0.5 * ((X - z) / NOISE).square() - math.log(2 * math.pi * NOISE)
    return log_p + 0.5 * ((z - M) / math.exp(S)).square() + S + 0.5 * math.log(2 * math.pi)


def path(z: Tensor) -> Tensor:
    """d/dz log p(x, z)."""
    return -z + (X - z) / NOISE**2


def score(e: Tensor) -> Tensor:
    """The gradient of log q for (m, s) at z = m + e^s e: (..., 2)."""
    return torch.stack([e / math.exp(S), e.square() - 1], -1)


def z_of(e: Tensor) -> Tensor:
    return M + math.exp(S) * e


def average(each: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda e1, e2: 0.5 * (each(e1) + each(e2))


def reparameterized(e: Tensor) -> Tensor:
    # log q at the moved draw changes with s alone, by -1 for each unit.
    return torch.stack([path(z_of(e)), path(z_of(e)) * math.exp(S) * e + 1], -1)


def analytic_kl(e: Tensor) -> Tensor:
    fit = (X - z_of(e)) / NOISE**2
    return torch.stack([fit - M, fit * math.exp(S) * e - math.exp(2 * S) + 1], -1)


def sticking_the_landing(e: Tensor) -> Tensor:
    slope = path(z_of(e)) + e / math.exp(S)
    return torch.stack([slope, slope * math.exp(S) * e], -1)


def plain_score(e: Tensor) -> Tensor:
    return (f(z_of(e)).unsqueeze(-1) - 1) * score(e)


def leave_one_out(e1: Tensor, e2: Tensor) -> Tensor:
    difference = 0.5 * (f(z_of(e1)) - f(z_of(e2))).unsqueeze(-1)
    return difference * (score(e1) - score(e2)) - 0.5 * (score(e1) + score(e2))


# From noises e1, e2 of two draws to an estimate (..., 2) for m and s.
ESTIMATORS: dict[str, tuple[Gradient, Callable[[Tensor, Tensor], Tensor]]] = {
    "score-function": (ScoreFunction(decay=None), average(plain_score)),
    "leave-one-out": (LeaveOneOut(), leave_one_out),
    "reparameterized": (Reparameterized(), average(reparameterized)),
    "analytic-kl": (AnalyticKL(), average(analytic_kl)),
    "doubly-reparameterized": (DoublyReparameterized(), average(sticking_the_landing)),
}


def by_quadrature(estimate: Callable[[Tensor, Tensor], Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, variance and fourth central moment of an estimator over both noises, (2,) each."""
    nodes, shares = (torch.from_numpy(a) for a in hermegauss(32))
    shares = shares / shares.sum()
    e1, e2 = torch.meshgrid(nodes, nodes, indexing="ij")
    weight = (shares[:, None] * shares[None, :]).unsqueeze(-1)
    value = estimate(e1, e2)
    mean = (weight * value).sum((0, 1))
    return mean, (weight * (value - mean).square()).sum((0, 1)), (weight * (value - mean) ** 4).sum((0, 1))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_measured_noise_is_the_estimators_own(name: str) -> None:
    """Mean and variance of 1,500 estimates against quadrature. False alarm: 1e-6 over the seed, for each gradient."""
    gradient, estimate = ESTIMATORS[name]
    batch = Batch(torch.tensor([[X]]).double(), torch.arange(1), 1)
    found = gradient_noise(gradient, Elbo(), Line(), One(), batch, n_draws=2, repeats=REPEATS)
    mean, variance, fourth = by_quadrature(estimate)
    limit = z_limit(4)
    assert bool(((found.mean - mean).abs() <= limit * (variance / REPEATS).sqrt() + 1e-12).all())
    blur = ((fourth - variance.square()).clamp_min(0) / REPEATS).sqrt()
    assert bool(((found.variance - variance).abs() <= limit * blur + 1e-12).all()), (found.variance, variance)


def test_all_estimate_one_gradient_and_control_variates_and_paths_are_quieter() -> None:
    moments = {name: by_quadrature(estimate)[:2] for name, (_, estimate) in ESTIMATORS.items()}
    for mean, _ in moments.values():
        torch.testing.assert_close(mean, moments["analytic-kl"][0])
    total = {name: float(variance.sum()) for name, (_, variance) in moments.items()}
    assert total["score-function"] > total["leave-one-out"] > 2 * total["reparameterized"]


def test_what_has_no_noise_is_refused() -> None:
    batch = Batch(torch.tensor([[X]]).double(), torch.arange(1), 1)
    with pytest.raises(LatentiaError, match="at least 2"):
        gradient_noise(Reparameterized(), Elbo(), Line(), One(), batch, 2, repeats=1)
    fixed = One().requires_grad_(False)
    with pytest.raises(LatentiaError, match="no parameters"):
        gradient_noise(Reparameterized(), Elbo(), Line(), fixed, batch, 2)
