"""A continuous flow: noise carried by a velocity field that sees the time and the row.

Chen et al. (2018), Neural Ordinary Differential Equations, section 4: with one hidden layer the field's divergence is a sum
over its units. Grathwohl et al. (2019), FFJORD, for more layers would estimate it.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn import functional as F

from latentia.core.errors import LatentiaError
from latentia.families.conditioned import Conditioned, Move, shrink_last_layers

# Importing zuko switches torch's checks of arguments off for the whole process, a decision that is not ours to make.
_checks = Distribution._validate_args
from zuko.utils import dopri45  # noqa: E402  after the checks were noted

Distribution.set_default_validate_args(_checks)


class ContinuousFlow(Conditioned):
    """q(z | x): u ~ N(0, I) follows dz/dt = B tanh(A z + C row + a t + b) + d from time 0 to 1, then mu + sigma z.

    The volume is followed exactly. The times are fixed: steps that adapt to the worst row of a batch would let rows change
    each other's density, ask the host at every step, and could not be differentiated twice. The density on the way back is
    the one on the way there up to the integrator's fifth-order error: with the default steps and 20 latents 3e-7 nats for a
    fresh field, 3e-4 for one forty times as strong.

    Args:
        n_latents: D, the length of z.
        steps: of the Dormand-Prince integrator, six passes of the field each.
        hidden: units of the field.
        context: numbers a latent that the encoder hands to the field.

    Raises:
        LatentiaError: fewer than one step.
    """

    def __init__(self, n_latents: int, steps: int = 3, hidden: int = 32, context: int = 2) -> None:
        super().__init__(n_latents, context)
        if steps < 1:
            raise LatentiaError(f"steps is {steps}, wanted at least 1; 3 is a good start.")
        self.steps, self.hidden = steps, hidden
        self.time = nn.Parameter(torch.randn(hidden))
        self.inward = nn.Linear(n_latents, hidden, bias=False)
        self.row = nn.Linear(context * n_latents, hidden)
        self.outward = nn.Linear(hidden, n_latents)
        shrink_last_layers(self, ("outward.weight", "outward.bias"))

    def moves(self, seen: Tensor) -> tuple[Move, Move]:
        of_row = self.row(seen)
        # What each unit adds to the divergence where its slope is 1.
        share = (self.outward.weight.T * self.inward.weight).sum(-1)

        def field(t: float, state: Tensor) -> Tensor:
            """(..., D + 1), the place and the log volume so far -> their velocities."""
            units = torch.tanh(F.linear(state[..., :-1], self.inward.weight) + of_row + t * self.time)
            growth = F.linear(1 - units.square(), share.unsqueeze(0))
            return torch.cat([self.outward(units), growth], -1)

        return self._move(field, 0.0, 1.0), self._move(field, 1.0, 0.0)

    def _move(self, field: Callable[[float, Tensor], Tensor], start: float, end: float) -> Move:
        pace = (end - start) / self.steps

        def move(z: Tensor) -> tuple[Tensor, Tensor]:
            state = torch.cat([z, torch.zeros_like(z[..., :1])], -1)
            step: Any = dopri45  # which takes numbers for its times, and without errors returns the state alone
            for i in range(self.steps):
                state = step(field, state, start + i * pace, pace)
            return state[..., :-1], state[..., -1]

        return move
