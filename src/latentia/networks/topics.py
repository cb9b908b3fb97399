"""The two halves of a topic model with an encoder: words to topics, and topics to words.

Srivastava & Sutton (2017), Autoencoding Variational Inference for Topic Models (ProdLDA).
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from latentia.core.errors import LatentiaError, ShapeError
from latentia.networks.base import Network, activation_module

# A corner of the simplex, as far as a float can tell.
FAR = 1e4


class TopicEncoder(Network):
    """Counts to raw numbers: hidden layers, dropout, a linear layer, batch norm.

    Args:
        in_shape: shape of one row of counts.
        out_shape: shape of the latents.
        per_value: raw numbers a latent.
        hidden: widths of the hidden layers.
        activation: a key of ``networks.ACTIVATIONS``.
        dropout: share of the last hidden layer that a training step leaves out.

    Raises:
        LatentiaError: a dropout outside [0, 1), or a width below 1.
    """

    def __init__(
        self,
        in_shape: Sequence[int] | int,
        out_shape: Sequence[int] | int,
        per_value: int = 1,
        hidden: Sequence[int] = (100, 100),
        activation: str = "softplus",
        dropout: float = 0.2,
    ) -> None:
        super().__init__(in_shape, out_shape, per_value)
        check_dropout(dropout)
        if any(width < 1 for width in hidden):
            raise LatentiaError(f"hidden widths must be positive, got {list(hidden)}; leave the list empty for none.")
        self.hidden, self.activation, self.dropout = list(hidden), activation, dropout
        widths = [self.in_shape.numel(), *hidden]
        layers = [nn.Sequential(nn.Linear(a, b), activation_module(activation)) for a, b in pairwise(widths)]
        self.layers = nn.Sequential(*layers, nn.Dropout(dropout))
        self.last = nn.Linear(widths[-1], per_value * self.out_shape.numel(), bias=False)
        self.norm = nn.BatchNorm1d(per_value * self.out_shape.numel())

    def forward_flat(self, x: Tensor) -> Tensor:
        check_rows(x, self.training)
        return self.norm(self.last(self.layers(x.flatten(1))))

    @property
    def output_bias(self) -> nn.Parameter:
        return self.norm.bias


class TopicDecoder(Network):
    """softmax(z) to logits of words: dropout, a linear layer without a bias, batch norm.

    The logits of topics are averaged by their shares, where latent Dirichlet allocation averages chances: a document's words
    have the product of the topics' words, each to the power of its share.

    Args:
        in_shape: shape of the latents.
        out_shape: shape of one row of counts.
        per_value: raw numbers a word.
        dropout: share of the topics that a training step leaves out.

    Raises:
        LatentiaError: a dropout outside [0, 1).
    """

    def __init__(
        self,
        in_shape: Sequence[int] | int,
        out_shape: Sequence[int] | int,
        per_value: int = 1,
        dropout: float = 0.2,
    ) -> None:
        super().__init__(in_shape, out_shape, per_value)
        check_dropout(dropout)
        self.dropout = dropout
        n_outputs = per_value * self.out_shape.numel()
        self.left_out = nn.Dropout(dropout)
        self.topics = nn.Linear(self.in_shape.numel(), n_outputs, bias=False)
        nn.init.xavier_uniform_(self.topics.weight)
        self.norm = nn.BatchNorm1d(n_outputs)

    def forward_flat(self, x: Tensor) -> Tensor:
        check_rows(x, self.training)
        return self.norm(self.topics(self.left_out(torch.softmax(x.flatten(1), -1))))

    def corners(self) -> Tensor:
        """z of a document of each topic alone: (T, *in_shape)."""
        n = self.in_shape.numel()
        return (FAR * torch.eye(n, dtype=self.topics.weight.dtype, device=self.topics.weight.device)).reshape(
            n, *self.in_shape
        )

    @property
    def output_bias(self) -> nn.Parameter:
        return self.norm.bias


def check_dropout(dropout: float) -> None:
    """Refuse a share that leaves nothing, or is none.

    Raises:
        LatentiaError: with the number.
    """
    if not 0 <= dropout < 1:
        raise LatentiaError(f"dropout is {dropout}, wanted a share from 0 to below 1; 0.2 is a good start.")


def check_rows(x: Tensor, training: bool) -> None:
    """Refuse to train batch norm on one row.

    Raises:
        ShapeError: with the cure.
    """
    if training and len(x) == 1:
        raise ShapeError(
            "batch norm cannot train on a batch of one row; choose a batch size that leaves no single row over."
        )
