"""Distributions of counts and of stored grey levels."""

from latentia.distributions.discrete.discretized_logistic import DiscretizedLogistic, grid_nats_to_bits
from latentia.distributions.entry import Entry

DISCRETE: dict[str, Entry] = {}

__all__ = ["DISCRETE", "DiscretizedLogistic", "grid_nats_to_bits"]
