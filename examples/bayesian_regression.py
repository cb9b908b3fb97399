"""Three regressions whose weights get a posterior: linear, logistic, and a small neural network.

    python examples/bayesian_regression.py

The data come with scikit-learn. The linear one has a closed form, which is printed beside what ADVI found; the network is
that of Neal (1996), Bayesian Learning for Neural Networks, with a learned scale of its weights.
"""

import math
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.distributions import Bernoulli, HalfNormal, Normal
from torch.distributions.constraints import positive, real

from latentia.families import DiagonalNormal, FullRankNormal
from latentia.models import LogJoint
from latentia.training import SharedFit, advi

NOISE, HIDDEN = 0.7, 6
Split = tuple[Tensor, Tensor, Tensor, Tensor]


def standardized(bunch: Any, scale_y: bool) -> Split:
    """x and y for fitting, then those held out; x (and y, if asked) standardized by the rows for fitting; float64."""
    parts = train_test_split(bunch.data, bunch.target, test_size=0.3, random_state=0)
    x, x_out, y, y_out = (np.asarray(part) for part in parts)
    scale = StandardScaler().fit(x)
    center, spread = (y.mean(), y.std()) if scale_y else (0.0, 1.0)
    whole = scale.transform(x), (y - center) / spread, scale.transform(x_out), (y_out - center) / spread
    x, y, x_out, y_out = (torch.as_tensor(each).double() for each in whole)
    return x, y, x_out, y_out


def linear(x: Tensor, y: Tensor) -> SharedFit:
    """w ~ N(0, I), y ~ N(x w, 0.7)."""

    def log_density(w: Tensor) -> Tensor:
        return Normal(0.0, 1.0).log_prob(w).sum() + Normal(x @ w, NOISE).log_prob(y).sum()

    return advi(LogJoint(log_density, w=(real, x.shape[1])), FullRankNormal, dtype=x.dtype)


def linear_exactly(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (p,) and covariance (p, p) of the same posterior (Bishop 2006, sec. 3.3)."""
    covariance = torch.linalg.inv(torch.eye(x.shape[1]).to(x) + x.mT @ x / NOISE**2)
    return covariance @ x.mT @ y / NOISE**2, covariance


def logistic(x: Tensor, y: Tensor) -> SharedFit:
    """b ~ N(0, 2), w ~ N(0, I), y ~ Bernoulli(sigmoid(b + x w)); 100 rows a step."""

    def log_prior(b: Tensor, w: Tensor) -> Tensor:
        return Normal(0.0, 2.0).log_prob(b) + Normal(0.0, 1.0).log_prob(w).sum()

    def log_likelihood(x: Tensor, y: Tensor, b: Tensor, w: Tensor) -> Tensor:
        return Bernoulli(logits=b + x @ w).log_prob(y)

    joint = LogJoint.of_rows(log_prior, log_likelihood, (x, y), b=real, w=(real, x.shape[1]))
    return advi(joint, FullRankNormal, batch_size=100, starts=1, rounds=2)


def network_output(x: Tensor, w_in: Tensor, b_in: Tensor, w_out: Tensor) -> Tensor:
    return torch.tanh(x @ w_in + b_in) @ w_out


def network(x: Tensor, y: Tensor) -> SharedFit:
    """Tanh units with weights ~ N(0, scale), scale and noise half-normal."""

    def log_prior(w_in: Tensor, b_in: Tensor, w_out: Tensor, scale: Tensor, noise: Tensor) -> Tensor:
        weights = Normal(0.0, scale).log_prob(w_in).sum() + Normal(0.0, 1.0).log_prob(b_in).sum()
        outer = Normal(0.0, 1.0).log_prob(w_out).sum()
        return weights + outer + HalfNormal(1.0).log_prob(scale) + HalfNormal(1.0).log_prob(noise)

    def log_likelihood(x: Tensor, y: Tensor, noise: Tensor, **weights: Tensor) -> Tensor:
        weights.pop("scale")
        return Normal(network_output(x, **weights), noise).log_prob(y)

    sizes = {"w_in": (real, x.shape[1], HIDDEN), "b_in": (real, HIDDEN), "w_out": (real, HIDDEN)}
    joint = LogJoint.of_rows(log_prior, log_likelihood, (x, y), **sizes, scale=positive, noise=positive)
    return advi(joint, DiagonalNormal, starts=2, steps=200, rounds=3)


def log_predictive(log_likelihood: Tensor) -> float:
    """Mean over rows of log (1/K) sum_k p(y | draw k), nats: (K, N) -> a number."""
    return float((torch.logsumexp(log_likelihood, 0) - math.log(len(log_likelihood))).mean())


def main() -> None:
    x, y, x_out, y_out = standardized(load_diabetes(), scale_y=True)
    found = linear(x, y)
    mean, covariance = linear_exactly(x, y)
    sd = covariance.diagonal().sqrt()
    print(f"linear, diabetes: {found.verdict}")
    print(f"  worst |difference of means| / sd {float(((found.mean['w'] - mean).abs() / sd).max()):.3f}")
    print(f"  sd ratios {float((found.sd['w'] / sd).min()):.3f} to {float((found.sd['w'] / sd).max()):.3f}")
    drawn = found.draws(500)
    held_out = log_predictive(Normal(drawn["w"] @ x_out.mT, NOISE).log_prob(y_out))
    print(f"  held out: {held_out:.3f} nats a row")

    net = network(x, y)
    drawn = net.draws(500)
    outputs = torch.func.vmap(network_output, in_dims=(None, 0, 0, 0))(x_out, drawn["w_in"], drawn["b_in"], drawn["w_out"])
    held_out = log_predictive(Normal(outputs, drawn["noise"].unsqueeze(-1)).log_prob(y_out))
    print(f"network, diabetes, {net.log_joint.n_latents} parameters, {net.modes} places: {net.verdict}")
    print(f"  held out: {held_out:.3f} nats a row")

    x, y, x_out, y_out = standardized(load_breast_cancer(), scale_y=False)
    found = logistic(x, y)
    drawn = found.draws(500)
    logits = drawn["b"].unsqueeze(-1) + drawn["w"] @ x_out.mT
    plugged = found.mean["b"] + x_out @ found.mean["w"]
    print(f"logistic, breast cancer: {found.verdict}")
    print(f"  held out: {log_predictive(Bernoulli(logits=logits).log_prob(y_out)):.4f} nats a row, ", end="")
    print(f"by the mean of the weights alone {float(Bernoulli(logits=plugged).log_prob(y_out).mean()):.4f}, ", end="")
    print(f"right in {float(((logits.sigmoid().mean(0) > 0.5) == y_out.bool()).double().mean()):.1%}")


if __name__ == "__main__":
    main()
