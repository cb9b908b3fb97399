"""Rows that do not fit in memory: read from disk in blocks, mixed in a buffer, one buffer ahead of the training."""
