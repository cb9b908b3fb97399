"""A normalizing flow whose every layer sees the row: coupling layers (by zuko), then a location and a scale.

Rezende & Mohamed (2015), Variational Inference with Normalizing Flows; Dinh et al. (2017), Density estimation using
Real NVP.
"""

from torch import Tensor
from torch.distributions import Distribution

from latentia.families.conditioned import Conditioned, Move, shrink_last_layers

# Importing zuko switches torch's checks of arguments off for the whole process, a decision that is not ours to make.
_checks = Distribution._validate_args
from zuko.flows import RealNVP  # noqa: E402  after the checks were noted

Distribution.set_default_validate_args(_checks)


class Flow(Conditioned):
    """q(z | x): u ~ N(0, I), through coupling layers conditioned on the row, then mu + sigma u.

    Coupling layers invert in one pass, so that a draw and the density of any other value each cost one pass.

    Args:
        n_latents: D, the length of z; at least 2, since a coupling layer moves one half by the other.
        layers: number of coupling layers.
        hidden: width of each layer's hidden network.
        context: numbers a latent that the encoder hands to every layer.

    Raises:
        ShapeError: fewer than two latents.
    """

    def __init__(self, n_latents: int, layers: int = 4, hidden: int = 64, context: int = 2) -> None:
        super().__init__(n_latents, context, least=2)
        self.layers, self.hidden = layers, hidden
        self.coupling = RealNVP(n_latents, context=context * n_latents, transforms=layers, hidden_features=(hidden,))
        shrink_last_layers(self.coupling, ("2.weight", "2.bias"))

    def moves(self, seen: Tensor) -> tuple[Move, Move]:
        to_noise = self.coupling.transform(seen)
        return to_noise.inv.call_and_ladj, to_noise.call_and_ladj
