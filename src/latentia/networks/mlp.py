"""A multilayer perceptron between two events of any shape."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, cast

from torch import Tensor, nn

from latentia.core.errors import LatentiaError, ShapeError, nearest
from latentia.networks.base import Network, activation_module

Norm = Literal["none", "layer", "batch"]
_NORMS = {"none": nn.Identity, "layer": nn.LayerNorm, "batch": nn.BatchNorm1d}


class MLP(Network):
    """Fully connected layers; an event of several axes is flattened and restored.

    Args:
        in_shape: shape of one input, a number for a vector.
        hidden: widths of the hidden layers; empty for a linear map.
        out_shape: shape of the event the output describes.
        per_value: raw numbers a value (``family.raw_per_value``).
        activation: a key of ``networks.ACTIVATIONS``.
        norm: "none", "layer" or "batch", before each activation.
        residual: add a hidden layer's input to its output wherever the widths agree.

    >>> import torch
    >>> MLP((1, 8, 8), [32], 10, per_value=2).raw(torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5, 2, 10])
    """

    def __init__(
        self,
        in_shape: Sequence[int] | int,
        hidden: Sequence[int],
        out_shape: Sequence[int] | int,
        per_value: int = 1,
        activation: str = "relu",
        norm: Norm = "none",
        residual: bool = False,
    ) -> None:
        super().__init__(in_shape, out_shape, per_value)
        if norm not in _NORMS:
            raise LatentiaError(f"there is no norm {norm!r}; {nearest(norm, list(_NORMS))}")
        if any(width < 1 for width in hidden):
            raise LatentiaError(
                f"hidden widths must be positive, got {list(hidden)}; leave the list empty for a linear map."
            )
        self.hidden, self.activation, self.norm, self.residual = list(hidden), activation, norm, residual
        widths = [self.in_shape.numel(), *hidden]
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(a, b), _NORMS[norm](b), activation_module(activation)) for a, b in pairwise(widths)
        )
        self.last = nn.Linear(widths[-1], per_value * self.out_shape.numel())

    def forward_flat(self, x: Tensor) -> Tensor:
        h = x.flatten(1)
        if self.norm == "batch" and self.training and len(h) == 1:
            raise ShapeError(
                "batch norm cannot train on a batch of one row; choose a batch size that leaves no single row over, "
                "or norm='layer'."
            )
        for layer in self.layers:
            # Not by calling the layer, whose own call costs as much as a small product.
            linear, norm, activation = cast("nn.Sequential", layer)
            out = activation(norm(linear(h)) if self.norm != "none" else linear(h))
            h = out + h if self.residual and out.shape == h.shape else out
        return self.last(h)

    @property
    def output_bias(self) -> nn.Parameter:
        return self.last.bias


def mlp(
    in_shape: Sequence[int] | int,
    hidden: Sequence[int],
    out_shape: Sequence[int] | int,
    per_value: int = 1,
    activation: str = "relu",
    norm: Norm = "none",
    residual: bool = False,
) -> MLP:
    """``MLP`` by its short name; see there."""
    return MLP(in_shape, hidden, out_shape, per_value, activation, norm, residual)
