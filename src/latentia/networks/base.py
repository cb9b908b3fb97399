"""A network maps an event to the raw numbers that a family reads as a distribution over another event."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Size, Tensor, nn

from latentia.core.errors import LatentiaError, ShapeError, nearest

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "elu": nn.ELU,
    "leaky-relu": nn.LeakyReLU,
    "softplus": nn.Softplus,
    "sigmoid": nn.Sigmoid,
    "identity": nn.Identity,
}


def activation_module(name: str) -> nn.Module:
    """A fresh activation by name.

    Raises:
        LatentiaError: no such activation; the message names the nearest.
    """
    if name not in ACTIVATIONS:
        raise LatentiaError(f"there is no activation {name!r}; {nearest(name, list(ACTIVATIONS))}")
    return ACTIVATIONS[name]()


class Network(nn.Module, ABC):
    """(..., *in_shape) -> (..., per_value, *out_shape), any number of leading axes.

    Attributes:
        in_shape: shape of one input event.
        out_shape: shape of the event the raw output describes.
        per_value: raw numbers a value of that event, what its family calls ``raw_per_value``.
    """

    def __init__(self, in_shape: Sequence[int] | int, out_shape: Sequence[int] | int, per_value: int) -> None:
        super().__init__()
        self.in_shape, self.out_shape = as_shape(in_shape), as_shape(out_shape)
        self.per_value = per_value

    def raw(self, x: Tensor) -> Tensor:
        """(..., *in_shape) -> (..., per_value, *out_shape), in the precision of x.

        Raises:
            ShapeError: the trailing axes of x are not ``in_shape``.
        """
        n_axes = len(self.in_shape)
        if x.shape[-n_axes:] != self.in_shape:
            raise ShapeError(
                f"{type(self).__name__} maps {tuple(self.in_shape)} to {tuple(self.out_shape)}, was given "
                f"{tuple(x.shape[-n_axes:])}; build the network with the shape of its input (data.x_shape, or the latents)."
            )
        lead = x.shape[:-n_axes]
        out = self.forward_flat(x.reshape(-1, *self.in_shape))
        # Under autocast the layers answer in half precision; a density summed over an event needs all the digits again.
        return out.to(x.dtype).reshape(*lead, self.per_value, *self.out_shape)

    @abstractmethod
    def forward_flat(self, x: Tensor) -> Tensor:
        """(N, *in_shape) -> (N, per_value * out_shape.numel()) in any shape of that size."""

    @property
    @abstractmethod
    def output_bias(self) -> nn.Parameter:
        """The last additive parameter, with per_value * out_shape.numel() entries in row-major order."""

    def start_at(self, raw: Tensor) -> None:
        """Let an untrained network answer about ``raw`` (per_value, *out_shape), whatever it is asked."""
        with torch.no_grad():
            self.output_bias.copy_(raw.reshape(self.output_bias.shape))


def as_shape(shape: Sequence[int] | int) -> Size:
    """A shape from a number or a sequence of positive numbers.

    >>> as_shape(10)
    torch.Size([10])
    """
    sizes = Size((shape,) if isinstance(shape, int) else tuple(shape))
    if not sizes or min(sizes) < 1:
        raise ShapeError(f"a shape needs at least one axis and positive sizes, got {tuple(sizes)}.")
    return sizes
