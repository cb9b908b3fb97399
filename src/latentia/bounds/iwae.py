"""The importance-weighted bound.

Burda, Grosse & Salakhutdinov (2016), Importance Weighted Autoencoders.
"""

import math

from torch import Tensor


class Iwae:
    """log mean_k exp w_k: (K, B) log-weights -> (B,) nats. Its expectation rises to log p(x) with K."""

    def __call__(self, w: Tensor) -> Tensor:
        return w.logsumexp(0) - math.log(w.shape[0])
