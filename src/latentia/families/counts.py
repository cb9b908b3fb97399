"""What families of counts share: the mean's logarithm within bounds, and dispersion from a network or learned."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from latentia.core.checks import check_positive
from latentia.core.errors import LatentiaError, ShapeError
from latentia.families.base import Family

# Means from 2e-9 to 5e8, dispersions from 1e-6 (all but a Poisson) to 1e3: float32 keeps a mass' digits in between.
LOWEST_LOG_MEAN, HIGHEST_LOG_MEAN = -20.0, 20.0
LOWEST_LOG_DISPERSION, HIGHEST_LOG_DISPERSION = -13.8, 6.9
# A value that was never counted keeps a finite rate.
LEAST_MEAN = 1e-3

Dispersion = float | Literal["learned", "network"]


def log_mean_within(raw: Tensor) -> Tensor:
    """A raw number as the logarithm of a mean, within bounds."""
    return raw.clamp(LOWEST_LOG_MEAN, HIGHEST_LOG_MEAN)


def dispersion_within(raw: Tensor) -> Tensor:
    """A raw number as the logarithm of a dispersion, within bounds: the dispersion."""
    return raw.clamp(LOWEST_LOG_DISPERSION, HIGHEST_LOG_DISPERSION).exp()


def dispersion_of_moments(mean: Tensor, std: Tensor) -> Tensor:
    """(variance - mean) / mean^2, between 0.01 and 100: a start that no column of few counts can spoil."""
    return ((std.square() - mean) / mean.square().clamp_min(1e-12)).nan_to_num(nan=1.0).clamp(1e-2, 1e2)


def raw_of_mean(mean: Tensor) -> Tensor:
    """The raw number of a mean."""
    return mean.clamp_min(LEAST_MEAN).log()


class Counts(Family):
    """What the two negative binomials share: how the dispersion is come by.

    Args:
        dispersion: "learned", a free parameter for each value of x (or one for all, without ``x_shape``); "network", a raw
            number for each cell; or a positive number, fixed.
        x_shape: shape of one x; a recipe fills it in.

    Raises:
        LatentiaError: the dispersion is none of these.
    """

    discrete = True

    def __init__(self, dispersion: Dispersion = "learned", x_shape: Sequence[int] | int = ()) -> None:
        super().__init__()
        if isinstance(dispersion, bool) or not (isinstance(dispersion, int | float) or dispersion in ("learned", "network")):
            raise LatentiaError(f"dispersion is {dispersion!r}, wanted 'learned', 'network' or a positive number.")
        if isinstance(dispersion, int | float):
            check_positive(dispersion=dispersion)
        self.dispersion: Dispersion = dispersion
        self.x_shape = (x_shape,) if isinstance(x_shape, int) else tuple(x_shape)
        if dispersion == "learned":
            self.log_dispersion = nn.Parameter(torch.zeros(self.x_shape))

    def dispersions(self, raw: Tensor | None, like: Tensor, event_dim: int) -> Tensor:
        """(..., *event) as ``like``.

        Raises:
            ShapeError: the event has another shape than the family was made for.
        """
        if raw is not None:
            return dispersion_within(raw)
        if self.dispersion == "learned":
            event = tuple(like.shape[like.ndim - event_dim :])
            if self.x_shape not in ((), event):
                raise ShapeError(
                    f"{type(self).__name__} has a dispersion for each of {self.x_shape} values, was given an event {event}; "
                    f"make it with x_shape={event}."
                )
            return dispersion_within(self.log_dispersion).expand_as(like)
        return torch.full_like(like, float(self.dispersion))

    def start_dispersion(self, mean: Tensor, std: Tensor) -> Tensor | None:
        """Begin at the data's; -> the raw number where the network gives it, else None."""
        found = dispersion_of_moments(mean, std).log()
        if self.dispersion == "network":
            return found
        if self.dispersion == "learned":
            with torch.no_grad():
                self.log_dispersion.copy_(found if self.x_shape else found.mean())
        return None
