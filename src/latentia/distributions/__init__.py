"""Distributions that torch.distributions lacks, and what is done to any of them."""

from latentia.distributions.discrete import DiscretizedLogistic, grid_nats_to_bits
from latentia.distributions.kl import closed_kl, describe, has_closed_kl, kl_per_dimension
from latentia.distributions.moments import DRAWS_FOR_A_MEAN, has_mean, point
from latentia.distributions.observed import observed_log_prob
from latentia.distributions.univariate import ContinuousBernoulli, Logistic

__all__ = [
    "DRAWS_FOR_A_MEAN",
    "ContinuousBernoulli",
    "DiscretizedLogistic",
    "Logistic",
    "closed_kl",
    "describe",
    "grid_nats_to_bits",
    "has_closed_kl",
    "has_mean",
    "kl_per_dimension",
    "observed_log_prob",
    "point",
]
