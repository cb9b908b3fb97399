"""Latentia beside a bare torch loop, pythae, Pyro and NumPyro: the same network, data, batch and precision, in turn."""
