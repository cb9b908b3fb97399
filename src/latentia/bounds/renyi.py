"""The variational Rényi bound, which runs from the importance-weighted bound (alpha 0) to the ELBO (alpha 1).

Li & Turner (2016), Rényi Divergence Variational Inference.
"""

import math

from torch import Tensor

from latentia.core.errors import LatentiaError


class Renyi:
    """log(mean_k exp((1 - alpha) w_k)) / (1 - alpha): (K, B) log-weights -> (B,) nats.

    Args:
        alpha: order, 0 <= alpha <= 1; at 1 the limit, the ELBO, is used. A negative order would bound from above.

    Raises:
        LatentiaError: alpha outside [0, 1].
    """

    def __init__(self, alpha: float = 0.5) -> None:
        if not 0 <= alpha <= 1:
            raise LatentiaError(f"alpha is {alpha}, wanted 0 <= alpha <= 1: outside, this is no lower bound.")
        self.alpha = alpha

    def __call__(self, w: Tensor) -> Tensor:
        power = 1 - self.alpha
        # Near alpha = 1 the quotient loses its digits; the mean is its limit.
        if power < 1e-4:
            return w.mean(0)
        return ((power * w).logsumexp(0) - math.log(w.shape[0])) / power
