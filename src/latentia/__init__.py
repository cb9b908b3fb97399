"""Latent variable models, and every way to infer what is hidden."""
