"""Independent one-hot codes, each with chances of its own that are learned."""

import torch
from torch import Size, Tensor, nn
from torch.distributions import Distribution, Independent, OneHotCategorical

from latentia.core.errors import LatentiaError
from latentia.priors.base import Prior


class Codes(Prior):
    """z of shape (D, C): each row is 0 but for a single 1, whose place has the chances softmax(logits_d).

    With one code, D = 1, the model above it is a mixture of C parts. All places are even until something is learned.

    Args:
        n_latents: D, the codes.
        n_classes: C, the places of each.

    Raises:
        LatentiaError: fewer than two places.
    """

    def __init__(self, n_latents: int, n_classes: int = 10) -> None:
        super().__init__(n_latents)
        if n_classes < 2:
            raise LatentiaError(f"n_classes is {n_classes}, wanted at least 2 places of a code.")
        self.n_classes = n_classes
        self.z_shape = Size((n_latents, n_classes))
        self.logits = nn.Parameter(torch.zeros(n_latents, n_classes))

    def distribution(self, given: Tensor | None = None) -> Distribution:
        return Independent(OneHotCategorical(logits=self.logits, validate_args=False), 1, validate_args=False)
