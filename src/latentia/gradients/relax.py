"""REBAR with a network of the relaxed draw and of x added to its control variate.

Grathwohl, Choi, Wu, Roeder & Duvenaud (2018), Backpropagation through the void: Optimizing control variates for black-box
gradient estimation.
"""

from collections.abc import Sequence

import torch
from torch import Size, Tensor, nn

from latentia.core import Batch
from latentia.gradients.control_variate import ControlVariate
from latentia.gradients.discrete import seen
from latentia.networks import MLP


class Relax(ControlVariate):
    """Unbiased, from one draw or more; temperature, scale and a network of (relaxed z, x) learn. See ``ControlVariate``.

    The network starts at zero, so that before training this is ``rebar``.

    Args:
        x_shape: shape of one row.
        z_shape: shape of one z.
        hidden: widths of the network's hidden layers.
        temperature: where the temperature starts.
        scale: where the scale of the relaxed log-weight starts.
        speed: both move by so many times the learner's rate; the network moves by the rate itself.
        decay: of the rewards' moving average, which one draw is compared with, 0 <= decay < 1.

    Raises:
        LatentiaError: one of them out of range.
    """

    def __init__(
        self,
        x_shape: Sequence[int],
        z_shape: Sequence[int],
        hidden: Sequence[int] = (100,),
        temperature: float = 0.5,
        scale: float = 1.0,
        speed: float = 10.0,
        decay: float = 0.9,
    ) -> None:
        super().__init__("relax", temperature, scale, speed, decay)
        self.x_shape, self.z_shape, self.hidden = tuple(x_shape), tuple(z_shape), list(hidden)
        # The gradient of a network with corners jumps, and what is fitted here is its gradient.
        self.network = MLP(Size(z_shape).numel() + Size(x_shape).numel(), self.hidden, 1, activation="tanh")
        nn.init.zeros_(self.network.last.weight)
        nn.init.zeros_(self.network.last.bias)

    def free_form(self, soft: Tensor, batch: Batch) -> Tensor:
        x = seen(batch).flatten(1).to(soft).expand(len(soft), -1, -1)
        return self.network.raw(torch.cat([soft.flatten(2), x], -1)).squeeze(-1).squeeze(-1)
