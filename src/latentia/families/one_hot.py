"""One-hot codes: the last axis of the event holds the logits of a code's places."""

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, OneHotCategorical

from latentia.families.base import Family, split_raw


class OneHot(Family):
    """Each vector along the event's last axis is 0 but for a single 1; raw holds the logits of its places.

    >>> import torch
    >>> OneHot().distribution(torch.zeros(1, 3, 4), event_dim=2).mean
    tensor([[0.2500, 0.2500, 0.2500, 0.2500],
            [0.2500, 0.2500, 0.2500, 0.2500],
            [0.2500, 0.2500, 0.2500, 0.2500]])
    """

    discrete = True

    @property
    def raw_per_value(self) -> int:
        return 1

    def distribution(self, raw: Tensor, event_dim: int = 1) -> Distribution:
        (logits,) = split_raw(raw, event_dim)
        code = OneHotCategorical(logits=logits, validate_args=False)
        return Independent(code, event_dim - 1, validate_args=False)

    def mean_and_sd(self, raw: Tensor, event_dim: int = 1) -> tuple[Tensor, Tensor]:
        (logits,) = split_raw(raw, event_dim)
        chances = torch.softmax(logits, -1)
        # The chance of any other place as a sum: 1 - p would round to nothing where p is near 1.
        n = logits.shape[-1]
        others = chances @ (1 - torch.eye(n, dtype=logits.dtype, device=logits.device))
        return chances, (chances * others).sqrt()

    def raw_at(self, mean: Tensor, std: Tensor) -> Tensor:
        # A place that never held the 1 keeps a finite logit.
        return torch.log(mean.clamp_min(5e-3)).unsqueeze(0)
