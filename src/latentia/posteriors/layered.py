"""An encoder that answers in layers of bits, each drawn given the one below: the recognition half of a Helmholtz machine.

Dayan, Hinton, Neal & Zemel (1995), The Helmholtz Machine.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.distributions import Distribution

from latentia.core import Batch
from latentia.distributions import layers_of_bits
from latentia.families import Bernoulli
from latentia.models import GenerativeModel, as_conditionals, check_layers
from latentia.networks import MLP
from latentia.posteriors.amortized import Amortized
from latentia.posteriors.base import Posterior


class Layered(Posterior):
    """q(z_1 | x) q(z_2 | z_1) ... q(z_L | z_{L-1}), all bits, in the layout of ``models.SigmoidBeliefNetwork``.

    The lowest layer is an ``Amortized``: x enters centered, and missing values at the center.

    Args:
        x_shape: shape of one x.
        layers: bits of z_1, ..., z_L, as the model's.
        hidden: widths of deterministic tanh layers inside every network; empty for linear maps.

    Raises:
        ShapeError: no layer, or one without a bit.
    """

    def __init__(self, x_shape: Sequence[int] | int, layers: Sequence[int] = (200,), hidden: Sequence[int] = ()) -> None:
        super().__init__()
        check_layers(layers)
        self.layers, self.hidden = list(layers), list(hidden)
        self.bottom = Amortized(MLP(x_shape, hidden, layers[0], activation="tanh"), Bernoulli())
        self.x_shape = self.bottom.network.in_shape
        self.between = nn.ModuleList(MLP(below, hidden, above, activation="tanh") for below, above in pairwise(layers))

    def infer(self, model: GenerativeModel, batch: Batch) -> Distribution:
        """Of one layer a product of Bernoullis, else ``LayeredBits`` that draws upwards."""
        logits = self.bottom.raw(batch.x, batch.mask).squeeze(-2)
        return layers_of_bits(logits, as_conditionals(self.between), self.layers, upwards=True)

    def start_at(self, x: Tensor) -> None:
        """Take the center of x from training rows."""
        self.bottom.start_at(x)
