"""What the latents carry: means over rows, KL a latent, mutual information."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from latentia.data import Split
from latentia.distributions import DRAWS_FOR_A_MEAN, discrete_columns, has_mean, kl_per_dimension, per_latent
from latentia.evaluation.pieces import means_of_x, rows_at_once
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior

ROWS_AT_ONCE = 500
ROWS_FOR_INFORMATION = 1000
DRAWS_FOR_RECONSTRUCTION = 64


class Latents(NamedTuple):
    """Posterior means (N, columns of z), each latent's variance of the mean (D,), KL a latent (D,) nats or None.

    A one-hot code is one latent, whose variance is the sum over its states.
    """

    means: Tensor
    variance_of_mean: Tensor
    kl_per_dimension: Tensor | None


def latents(model: GenerativeModel, posterior: Posterior, split: Split) -> Latents:
    """One pass over a split; nothing is drawn where the posterior states its mean."""
    means, noise, kls, columns = [], [], [], None
    for batch in split.batches(ROWS_AT_ONCE):
        q, prior = posterior.infer(model, batch), model.prior(batch.given)
        columns = discrete_columns(prior)
        mean, error = mean_and_error(q)
        means.append(mean.flatten(1))
        noise.append(error.flatten(1))
        kls.append(kl_per_dimension(q, prior))
    z = torch.cat(means)
    # The spread that averaging draws leaves in a mean is not spread over rows.
    variance = (z.double().var(0, correction=0) - torch.cat(noise).double().mean(0)).clamp_min(0)
    variance = per_latent(variance, columns)
    each = torch.cat([k for k in kls if k is not None]).double().mean(0) if None not in kls else None
    return Latents(z, variance, each)


def mean_and_error(q: Distribution, draws: int = DRAWS_FOR_A_MEAN) -> tuple[Tensor, Tensor]:
    """The mean of q, and the variance of that figure where it had to be drawn, ``draws`` times: both (B, *z_shape)."""
    if has_mean(q):
        return q.mean, torch.zeros_like(q.mean)
    z = q.sample((draws,))
    return z.mean(0), z.var(0) / draws


def expected_x(model: GenerativeModel, q: Distribution, given: Tensor | None = None) -> Tensor:
    """The likelihood's mean, averaged over 64 draws of z from q: (B, *x_shape).

    Of a discrete z the mean is no value that it takes, so that what is decoded there would mean nothing.

    Args:
        model: p.
        q: batch (B,).
        given: (B, ...) what rows are conditioned on, or None.
    """
    # One after the other: a likelihood may hold many numbers for each value of x.
    z = q.sample()
    at_once = rows_at_once(model, z, given)
    total = means_of_x(model, z, given, at_once)
    for _ in range(DRAWS_FOR_RECONSTRUCTION - 1):
        total = total + means_of_x(model, q.sample(), given, at_once)
    return total / DRAWS_FOR_RECONSTRUCTION


def some_rows(split: Split, n: int) -> Split:
    """At most n rows of a split; see ``some_places``."""
    return split if len(split) <= n else split.take(some_places(len(split), n).to(split.device))


def some_places(n_rows: int, n: int) -> Tensor:
    """At most n of the places 0 .. n_rows - 1, in order, drawn by a fixed seed.

    The first n rows of an ordered split would speak for themselves only: static MNIST's test rows are sorted by digit.
    """
    return torch.randperm(n_rows, generator=torch.Generator().manual_seed(0))[:n].sort().values


def mutual_information(model: GenerativeModel, posterior: Posterior, split: Split) -> Tensor:
    """(n,) nats, whose mean estimates I(x; z) under q: log q(z | x) - log mean_j q(z | x_j) for a draw from each row.

    At most 1,000 rows are used; the estimate falls short where the information nears the log of their number (Hoffman &
    Johnson 2016, ELBO surgery), and may lie below 0 by chance.
    """
    some = some_rows(split, ROWS_FOR_INFORMATION)
    q = posterior.infer(model, some.batch(torch.arange(len(some), device=some.device)))
    z = q.sample()
    gains = []
    for part in torch.arange(len(some), device=z.device).split(50):
        log_q = q.log_prob(z[part].unsqueeze(1))
        own = log_q[torch.arange(len(part)), part]
        gains.append(own - (log_q.logsumexp(1) - math.log(len(some))))
    return torch.cat(gains).double()
