"""How a location-scale family comes by its scale: fixed, one and learned, or one a value from the network."""

from typing import Literal

import torch
from torch import Tensor, nn

from latentia.core.errors import LatentiaError
from latentia.families.base import Family, positive, raw_of_positive, split_raw

Scale = float | Literal["learned", "per-value"]


class LocationScale(Family):
    """What Normal and Laplace share: how the scale is come by.

    Args:
        scale: a positive number (fixed), "learned" (one free parameter for all values) or "per-value" (the network
            gives one beside each location).

    Raises:
        LatentiaError: the scale is none of these.
    """

    def __init__(self, scale: Scale = "learned") -> None:
        super().__init__()
        words = ("learned", "per-value")
        if isinstance(scale, bool) or not (scale in words or (isinstance(scale, int | float) and scale > 0)):
            raise LatentiaError(f"scale is {scale!r}, wanted a positive number, 'learned' or 'per-value'.")
        self.scale: Scale = scale
        if scale == "learned":
            self.log_scale = nn.Parameter(torch.zeros(()))

    @property
    def raw_per_value(self) -> int:
        return 2 if self.scale == "per-value" else 1

    def loc_and_scale(self, raw: Tensor, event_dim: int) -> tuple[Tensor, Tensor]:
        """raw (..., raw_per_value, *event) -> both (..., *event)."""
        if self.scale == "per-value":
            loc, raw_scale = split_raw(raw, event_dim)
            return loc, positive(raw_scale)
        (loc,) = split_raw(raw, event_dim)
        if self.scale == "learned":
            return loc, self.log_scale.exp().expand_as(loc)
        return loc, torch.full_like(loc, float(self.scale))

    def raw_at(self, mean: Tensor, std: Tensor) -> Tensor:
        if self.scale == "learned":
            with torch.no_grad():
                self.log_scale.copy_(std.square().mean().sqrt().clamp_min(1e-3).log())
        if self.scale == "per-value":
            return torch.stack([mean, raw_of_positive(std.clamp_min(1e-2))])
        return mean.unsqueeze(0)
