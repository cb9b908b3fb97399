"""Convolutions for images of any height, width and channel count, decided from the image's shape alone.

Each level halves height and width, rounding up, until the longer side is at most 4; the decoder walks the same sizes back,
so that odd sizes and images one pixel wide return exactly.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Size, Tensor, nn

from latentia.core.errors import LatentiaError, ShapeError
from latentia.networks.base import Network, activation_module, as_shape

SMALLEST_SIDE = 4
ConvNorm = Literal["none", "group"]


def level_sizes(height: int, width: int, max_levels: int) -> list[tuple[int, int]]:
    """Height and width at each level, the image's own first.

    >>> level_sizes(28, 20, 9)
    [(28, 20), (14, 10), (7, 5), (4, 3)]
    """
    sizes = [(height, width)]
    while max(sizes[-1]) > SMALLEST_SIDE and len(sizes) <= max_levels:
        h, w = sizes[-1]
        sizes.append(((h + 1) // 2, (w + 1) // 2))
    return sizes


def _image_shape(name: str, shape: Size) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise ShapeError(
            f"{name} works on images (channels, height, width), got {tuple(shape)}; use 'mlp' for other shapes."
        )
    return shape[0], shape[1], shape[2]


def _level_channels(channels: Sequence[int], n_levels: int) -> list[int]:
    if not channels or min(channels) < 1:
        raise LatentiaError(f"channels must be a list of positive widths, got {list(channels)}.")
    return [channels[min(i, len(channels) - 1)] for i in range(n_levels)]


def _norm(norm: str, channels: int) -> nn.Module:
    if norm not in ("none", "group"):
        raise LatentiaError(f"there is no convolutional norm {norm!r}; known: none, group")
    if norm == "none":
        return nn.Identity()
    return nn.GroupNorm(next(g for g in (8, 4, 2, 1) if channels % g == 0), channels)


class ConvEncoder(Network):
    """Image to vector: strided convolutions, then one hidden layer.

    Args:
        in_shape: (channels, height, width).
        out_shape: shape of the latents.
        per_value: raw numbers a latent.
        channels: width of each level, the last one repeated where there are more levels.
        hidden: width of the layer between the last convolution and the output.
        activation: a key of ``networks.ACTIVATIONS``.
        norm: "none" or "group".

    Raises:
        ShapeError: in_shape is no image.
    """

    def __init__(
        self,
        in_shape: Sequence[int] | int,
        out_shape: Sequence[int] | int,
        per_value: int = 1,
        channels: Sequence[int] = (32, 64, 64),
        hidden: int = 256,
        activation: str = "silu",
        norm: ConvNorm = "none",
    ) -> None:
        super().__init__(in_shape, out_shape, per_value)
        self.channels, self.hidden, self.activation, self.norm = list(channels), hidden, activation, norm
        c, h, w = _image_shape("conv", self.in_shape)
        sizes = level_sizes(h, w, max_levels=8)
        widths = [c, *_level_channels(channels, len(sizes) - 1)]
        self.levels = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1), _norm(norm, b), activation_module(activation))
                for a, b in pairwise(widths)
            )
        )
        flat = widths[-1] * sizes[-1][0] * sizes[-1][1]
        self.head = nn.Sequential(nn.Linear(flat, hidden), activation_module(activation))
        self.last = nn.Linear(hidden, per_value * self.out_shape.numel())

    def forward_flat(self, x: Tensor) -> Tensor:
        return self.last(self.head(self.levels(x).flatten(1)))

    @property
    def output_bias(self) -> nn.Parameter:
        return self.last.bias


class ConvDecoder(Network):
    """Vector to image: one hidden layer, then transposed convolutions, and a bias of its own for every pixel.

    Args:
        in_shape: shape of the latents.
        out_shape: (channels, height, width).
        per_value: raw numbers a pixel and channel.
        channels: width of each level, the finest first as in the encoder.
        hidden: width of the first layer.
        activation: a key of ``networks.ACTIVATIONS``.
        norm: "none" or "group".

    Raises:
        ShapeError: out_shape is no image.
    """

    def __init__(
        self,
        in_shape: Sequence[int] | int,
        out_shape: Sequence[int] | int,
        per_value: int = 1,
        channels: Sequence[int] = (32, 64, 64),
        hidden: int = 256,
        activation: str = "silu",
        norm: ConvNorm = "none",
    ) -> None:
        super().__init__(in_shape, out_shape, per_value)
        self.channels, self.hidden, self.activation, self.norm = list(channels), hidden, activation, norm
        c, h, w = _image_shape("conv", self.out_shape)
        self.sizes = level_sizes(h, w, max_levels=8)
        widths = [*_level_channels(channels, len(self.sizes) - 1), 0]
        coarsest = widths[-2] if len(widths) > 1 else c * per_value
        self.grid = (coarsest, *self.sizes[-1])
        self.head = nn.Sequential(
            nn.Linear(self.in_shape.numel(), hidden),
            activation_module(activation),
            nn.Linear(hidden, as_shape(self.grid).numel()),
        )
        self.ups = nn.ModuleList()
        self.between = nn.ModuleList()
        for level in range(len(self.sizes) - 2, -1, -1):
            out = widths[level - 1] if level else c * per_value
            self.between.append(nn.Sequential(_norm(norm, widths[level]), activation_module(activation)))
            self.ups.append(nn.ConvTranspose2d(widths[level], out, 3, stride=2, padding=1, bias=level > 0))
        self.pixel_bias = nn.Parameter(torch.zeros(per_value * c, h, w))

    def forward_flat(self, x: Tensor) -> Tensor:
        h = self.head(x.flatten(1)).reshape(-1, *self.grid)
        for i, (between, up) in enumerate(zip(self.between, self.ups, strict=True)):
            # A side of 2n and one of 2n - 1 both come from n; the size walked on the way down decides.
            h = up(between(h), output_size=list(self.sizes[-2 - i]))
        return h + self.pixel_bias

    @property
    def output_bias(self) -> nn.Parameter:
        return self.pixel_bias
