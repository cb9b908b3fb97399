"""Distributions whose event is a structure in one tensor: a chain, a sequence, a hierarchy, a part."""

from latentia.distributions.entry import Entry
from latentia.distributions.structured.autoregressive import AUTOREGRESSIVE, Autoregressive
from latentia.distributions.structured.chain import CHAIN, Chain
from latentia.distributions.structured.column_layout import ColumnLayout
from latentia.distributions.structured.hierarchy import HIERARCHY, Hierarchy
from latentia.distributions.structured.layered_bits import LAYERED_BITS, LayeredBits, layers_of_bits
from latentia.distributions.structured.linear_gaussian_chain import LINEAR_GAUSSIAN_CHAIN, LinearGaussianChain
from latentia.distributions.structured.linear_gaussian_observations import (
    LINEAR_GAUSSIAN_OBSERVATIONS,
    LinearEmission,
    LinearGaussianObservations,
)
from latentia.distributions.structured.masked import MASKED, Masked
from latentia.distributions.structured.mixed_columns import MixedColumns
from latentia.distributions.structured.mixed_support import MixedColumnsSupport, definite_row

STRUCTURED: dict[str, Entry] = {
    "chain": CHAIN,
    "autoregressive": AUTOREGRESSIVE,
    "linear-gaussian-chain": LINEAR_GAUSSIAN_CHAIN,
    "linear-gaussian-observations": LINEAR_GAUSSIAN_OBSERVATIONS,
    "hierarchy": HIERARCHY,
    "masked": MASKED,
    "layered-bits": LAYERED_BITS,
}

__all__ = [
    "STRUCTURED",
    "Autoregressive",
    "Chain",
    "ColumnLayout",
    "Hierarchy",
    "LayeredBits",
    "LinearEmission",
    "LinearGaussianChain",
    "LinearGaussianObservations",
    "Masked",
    "MixedColumns",
    "MixedColumnsSupport",
    "definite_row",
    "layers_of_bits",
]
