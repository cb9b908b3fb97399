"""Distributions whose event is a structure in one tensor: a chain, a sequence, a hierarchy, a part."""

from latentia.distributions.entry import Entry

STRUCTURED: dict[str, Entry] = {}

__all__ = ["STRUCTURED"]
