"""Counts given their total: one logit a value, and a row scored by the shares of its values."""

import torch
from torch import Tensor
from torch.distributions import Distribution

from latentia.core.errors import LatentiaError, ShapeError
from latentia.distributions import MultinomialGivenTotal
from latentia.families.base import Family, split_raw

COUNTED_IF_UNSEEN = 10
# Of the mean count of a value; what was never counted keeps a finite logit.
SMALLEST_SHARE = 1e-3


class Multinomial(Family):
    """Each value is a count, raw is its logit; a row has (sum x)! / prod x! · prod softmax(raw)^x, given its total.

    Nothing is said of the total, so that a row of n counts is compared with other rows of n only. Draws have ``total``.

    Args:
        total: counts in a row that is drawn; None for the mean of the training rows, rounded.

    Raises:
        LatentiaError: a total below 1.
    """

    discrete = True
    whole = True
    mean_total: Tensor

    def __init__(self, total: int | None = None) -> None:
        super().__init__()
        if total is not None and total < 1:
            raise LatentiaError(f"total is {total}, wanted at least 1.")
        self.total = total
        self.register_buffer("mean_total", torch.tensor(float(COUNTED_IF_UNSEEN)))

    @property
    def raw_per_value(self) -> int:
        return 1

    def distribution(self, raw: Tensor, event_dim: int = 1) -> Distribution:
        if event_dim != 1:
            raise ShapeError(
                f"Multinomial was given an event of shape {tuple(raw.shape[-event_dim:])}; give it a vector, data.flatten "
                "makes one."
            )
        (logits,) = split_raw(raw, event_dim)
        total = self.mean_total.round().clamp_min(1) if self.total is None else self.total
        return MultinomialGivenTotal(logits, total, validate_args=False)

    def raw_at(self, mean: Tensor, std: Tensor) -> Tensor:
        smallest = (SMALLEST_SHARE * mean.mean()).clamp_min(torch.finfo(mean.dtype).tiny)
        return mean.maximum(smallest).log().unsqueeze(0)

    def start_at(self, x: Tensor) -> None:
        with torch.no_grad():
            self.mean_total.copy_(x.sum(-1).mean())
