"""Networks by name: for each, the class that encodes and the class that decodes."""

from typing import NamedTuple

from latentia.networks.base import ACTIVATIONS, Network, as_shape
from latentia.networks.conv import ConvDecoder, ConvEncoder
from latentia.networks.mlp import MLP, mlp
from latentia.networks.topics import TopicDecoder, TopicEncoder


class Pair(NamedTuple):
    """The two directions of one architecture."""

    encoder: type[Network]
    decoder: type[Network]


NETWORKS: dict[str, Pair] = {
    "mlp": Pair(MLP, MLP),
    "conv": Pair(ConvEncoder, ConvDecoder),
    "topics": Pair(TopicEncoder, TopicDecoder),
}

__all__ = [
    "ACTIVATIONS",
    "MLP",
    "NETWORKS",
    "ConvDecoder",
    "ConvEncoder",
    "Network",
    "Pair",
    "TopicDecoder",
    "TopicEncoder",
    "as_shape",
    "mlp",
]
