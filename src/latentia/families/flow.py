"""A normalizing flow whose every layer sees the row: coupling layers (by zuko), then a location and a scale.

Rezende & Mohamed (2015), Variational Inference with Normalizing Flows; Dinh et al. (2017), Density estimation using
Real NVP.
"""

import torch
from torch import Tensor
from torch.distributions import AffineTransform, Distribution, TransformedDistribution

from latentia.core.errors import ShapeError
from latentia.families.base import Family, positive

# Importing zuko switches torch's checks of arguments off for the whole process, a decision that is not ours to make.
_checks = Distribution._validate_args
from zuko.flows import RealNVP  # noqa: E402  after the checks were noted

Distribution.set_default_validate_args(_checks)


class Flow(Family):
    """q(z | x): u ~ N(0, I), through coupling layers conditioned on the row, then mu + sigma u.

    Coupling layers invert in one pass, so that a draw and its density each cost one pass.

    Args:
        n_latents: D, the length of z; at least 2, since a coupling layer moves one half by the other.
        layers: number of coupling layers.
        hidden: width of each layer's hidden network.
        context: numbers a latent that the encoder hands to every layer.
    """

    def __init__(self, n_latents: int, layers: int = 4, hidden: int = 64, context: int = 2) -> None:
        super().__init__()
        if n_latents < 2:
            raise ShapeError(f"a coupling flow needs at least 2 latents, got {n_latents}; use 'full-rank-normal'.")
        self.n_latents, self.layers, self.hidden, self.context = n_latents, layers, hidden, context
        self.coupling = RealNVP(n_latents, context=context * n_latents, transforms=layers, hidden_features=(hidden,))
        # Small last layers: training starts near the diagonal normal and bends from there.
        with torch.no_grad():
            for name, weight in self.coupling.named_parameters():
                if name.endswith(("2.weight", "2.bias")):
                    weight.mul_(0.1)

    @property
    def raw_per_value(self) -> int:
        return 2 + self.context

    def distribution(self, raw: Tensor, event_dim: int = 1) -> Distribution:
        if event_dim != 1 or raw.shape[-1] != self.n_latents:
            raise ShapeError(
                f"Flow({self.n_latents}) was given an event of shape {tuple(raw.shape[-event_dim:])}; "
                f"give it a vector of {self.n_latents} latents."
            )
        loc, scale = raw[..., 0, :], positive(raw[..., 1, :])
        # Squashed, so that an extreme encoder output cannot throw the coupling layers to infinity.
        bent = self.coupling(torch.tanh(raw[..., 2:, :].flatten(-2)))
        return TransformedDistribution(bent, [AffineTransform(loc, scale, event_dim=1)], validate_args=False)
