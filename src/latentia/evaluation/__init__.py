"""Held-out numbers."""
