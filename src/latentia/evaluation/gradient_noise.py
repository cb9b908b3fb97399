"""How noisy a gradient is: its mean and variance over fresh draws, parameter by parameter.

Mohamed et al. (2020), Monte Carlo Gradient Estimation in Machine Learning, compare estimators in this way.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from latentia.bounds import Bound
from latentia.core import Batch
from latentia.core.errors import LatentiaError
from latentia.core.random import seeded
from latentia.gradients import Gradient
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior


class GradientNoise(NamedTuple):
    """A gradient of the mean bound a row, over repeats: each entry a coordinate of the posterior's parameters, (P,)."""

    mean: Tensor
    variance: Tensor
    repeats: int

    @property
    def total_variance(self) -> float:
        """The trace of the covariance: the expected squared distance from the true gradient of an unbiased estimate."""
        return float(self.variance.sum())

    @property
    def signal_to_noise(self) -> float:
        """Length of the mean over the root of the total variance.

        What noise adds to the squared length of a mean over so many repeats is taken off; zero where nothing is left then,
        so that more repeats are needed to see a signal.
        """
        length = float(self.mean.square().sum()) - self.total_variance / self.repeats
        return (max(length, 0.0) / max(self.total_variance, 1e-300)) ** 0.5

    @property
    def signal_to_noise_error(self) -> float:
        """Standard error of ``signal_to_noise``, if estimates were normal with independent entries; inf where it is zero."""
        total, snr = max(self.total_variance, 1e-300), self.signal_to_noise
        if snr == 0:
            return math.inf
        share = float(self.variance.square().sum()) / total**2
        along = float((self.mean.square() * self.variance).sum()) / total**2
        # Relative variances of the mean's squared length, 4 m'Vm / R + 2 tr V^2 / R^2, and of the trace, 2 tr V^2 / R.
        length = (4 * along / self.repeats + 2 * share / self.repeats**2) / snr**4
        return snr / 2 * (length + 2 * share / self.repeats) ** 0.5


def gradient_noise(
    gradient: Gradient,
    bound: Bound,
    model: GenerativeModel,
    posterior: Posterior,
    batch: Batch,
    n_draws: int,
    repeats: int = 1000,
    seed: int = 0,
) -> GradientNoise:
    """Estimate the gradient for the posterior's parameters ``repeats`` times, with new draws on the same batch.

    Args:
        gradient: whose noise is measured; one with a baseline carries it from repeat to repeat, as in training.
        bound: what is differentiated.
        model: p(x, z).
        posterior: q(z | x); it must have parameters.
        batch: the rows, the same in every repeat.
        n_draws: draws an estimate.
        repeats: estimates; the variance's own relative error is about sqrt(2 / repeats).
        seed: of the draws; the caller's random state is left as it was.

    Raises:
        LatentiaError: fewer than two repeats, or a posterior without parameters.
    """
    parameters = [p for p in posterior.parameters() if p.requires_grad]
    if not parameters:
        raise LatentiaError(f"{type(posterior).__name__} has no parameters, so its gradient has no noise to measure.")
    if repeats < 2:
        raise LatentiaError(f"repeats is {repeats}; a variance needs at least 2.")
    sums = torch.zeros(2, sum(p.numel() for p in parameters), dtype=torch.float64, device=parameters[0].device)
    first = torch.zeros_like(sums[0])
    with seeded(seed):
        for i in range(repeats):
            surrogate = gradient(bound, model, posterior.infer(model, batch), batch, n_draws).surrogate.mean()
            slopes = torch.autograd.grad(surrogate, parameters, materialize_grads=True)
            flat = torch.cat([s.flatten() for s in slopes]).to(sums)
            if i == 0:
                first = flat  # deviations from it, so that a large mean does not swallow a small variance
            sums += torch.stack([flat - first, (flat - first).square()])
    shift = sums[0] / repeats
    variance = (sums[1] / repeats - shift.square()).clamp_min(0) * (repeats / (repeats - 1))
    return GradientNoise(first + shift, variance, repeats)
