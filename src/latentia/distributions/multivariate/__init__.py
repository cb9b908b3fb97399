"""Distributions of vectors."""

from latentia.distributions.entry import Entry

MULTIVARIATE: dict[str, Entry] = {}

__all__ = ["MULTIVARIATE"]
