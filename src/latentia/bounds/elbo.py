"""The evidence lower bound.

Jordan et al. (1999), An Introduction to Variational Methods for Graphical Models.
"""

from torch import Tensor


class Elbo:
    """mean_k w_k: (K, B) log-weights -> (B,) nats. Its expectation is at most log p(x), whatever K."""

    def __call__(self, w: Tensor) -> Tensor:
        return w.mean(0)
