"""The variances of five gradients on one problem, each against a quadrature of the estimator written out by hand.

z ~ N(0, 1), x | z ~ N(z, 0.8^2), q = N(m, e^2s): log p(x, z) is a parabola in z and every estimator a polynomial.
"""

import math
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from numpy.polynomial.hermite_e import hermegauss
from torch import Size, Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from helpers.chance import z_limit
from latentia.bounds import Elbo
from latentia.core import Batch, LatentiaError
from latentia.evaluation import gradient_noise
from latentia.evaluation.gradient_noise import GradientNoise
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
    return f(z_of(e)).unsqueeze(-1) * score(e)


def leave_one_out(e1: Tensor, e2: Tensor) -> Tensor:
    difference = 0.5 * (f(z_of(e1)) - f(z_of(e2))).unsqueeze(-1)
    return difference * (score(e1) - score(e2))


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
    assert total["score-function"] > total["leave-one-out"] > total["reparameterized"]


def test_the_signal_is_freed_of_what_noise_adds_to_its_length() -> None:
    """A mean over few repeats is too long by its own noise; false alarm below 1e-6 over the seed: 6 errors of 400 ratios."""
    truth, spread, repeats = torch.tensor([0.3, 0.0, -0.1, 0.0]).double(), torch.tensor([1.0, 2.0, 0.5, 1.5]).double(), 50
    total = float(spread.square().sum())
    draws = truth + spread * torch.randn(400, repeats, 4).double()
    squares, blurs = [], []
    for part in draws:
        noise = GradientNoise(part.mean(0), part.var(0), repeats)
        squares.append(float(noise.mean.square().sum()) - noise.total_variance / repeats)
        assert noise.signal_to_noise == pytest.approx((max(squares[-1], 0.0) / noise.total_variance) ** 0.5)
        blurs.append(noise.signal_to_noise_error)
    found = torch.tensor(squares).double()
    assert abs(float(found.mean()) - float(truth.square().sum())) < 6 * float(found.std()) / 20
    assert float(draws.mean(1).square().sum(-1).mean()) > 1.5 * float(truth.square().sum()), "the plain length is far off"
    clear = GradientNoise(truth, spread.square(), 10**8)
    assert clear.signal_to_noise == pytest.approx((0.1 / total) ** 0.5, rel=1e-5)
    assert math.inf in blurs, "where nothing is left, so says the error"


def test_the_stated_error_of_the_signal_is_its_scatter() -> None:
    """400 ratios from 200 normal estimates each; the scatter is known to 3.5 %, and 20 % is beyond 1e-6 by chance."""
    truth, spread = torch.tensor([0.5, -0.3, 0.2]).double(), torch.tensor([1.0, 0.7, 1.3]).double()
    draws = truth + spread * torch.randn(400, 200, 3).double()
    noises = [GradientNoise(part.mean(0), part.var(0), 200) for part in draws]
    ratios = torch.tensor([n.signal_to_noise for n in noises])
    assert float(ratios.std()) == pytest.approx(sum(n.signal_to_noise_error for n in noises) / 400, rel=0.2)


@pytest.mark.parametrize(
    ("name", "expected", "repeats"), [("reparameterized", -0.5, 2_000), ("doubly reparameterized", 0.5, 200)]
)
def test_more_draws_drown_the_score_and_sharpen_the_path(name: str, expected: float, repeats: int) -> None:
    """Slopes of log signal to noise against log draws near -1/2 and +1/2 (Rainforth et al. 2018; Tucker et al. 2019).

    False alarm below 1e-5 over the seed: the sign at 4.9 of the fit's errors; the size within as many and 0.12, since the
    rates are those of many draws.
    """
    example = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "signal_to_noise.py"))
    model, encoder, batch = example["problem"](5, 4)
    gradient, _ = example["GRADIENTS"][name]
    slope = example["slope_of"](example["measure"](gradient, model, encoder, batch, (4, 16, 64), repeats))
    assert slope.value * math.copysign(1, expected) > 4.9 * slope.error
    assert abs(slope.value - expected) < 0.12 + 4.9 * slope.error
    assert slope.error < 0.06


def test_what_has_no_noise_is_refused() -> None:
    batch = Batch(torch.tensor([[X]]).double(), torch.arange(1), 1)
    with pytest.raises(LatentiaError, match="at least 2"):
        gradient_noise(Reparameterized(), Elbo(), Line(), One(), batch, 2, repeats=1)
    fixed = One().requires_grad_(False)
    with pytest.raises(LatentiaError, match="no parameters"):
        gradient_noise(Reparameterized(), Elbo(), Line(), fixed, batch, 2)
