"""An inverse autoregressive flow whose every layer sees the row (by zuko): fast draws, slow densities.

Kingma et al. (2016), Improving Variational Inference with Inverse Autoregressive Flow.
"""

from torch import Tensor
from torch.distributions import Distribution

from latentia.families.conditioned import Conditioned, Move, shrink_last_layers

# Importing zuko switches torch's checks of arguments off for the whole process, a decision that is not ours to make.
_checks = Distribution._validate_args
from zuko.flows import MAF  # noqa: E402  after the checks were noted

Distribution.set_default_validate_args(_checks)


class InverseAutoregressive(Conditioned):
    """q(z | x): u ~ N(0, I), each layer moves a number by those before it and by the row, then mu + sigma u.

    Every other layer goes through the latents in reverse. A draw and its own density cost one pass. The density of any other
    value is exact too, but has to find the noise one latent after another: D passes a layer, which sticking the landing and
    annealing pay; 'flow' is as fast both ways.

    Args:
        n_latents: D, the length of z; at least 2, since one number has none before it.
        layers: number of autoregressive layers.
        hidden: width of each layer's hidden network.
        context: numbers a latent that the encoder hands to every layer.

    Raises:
        ShapeError: fewer than two latents.
    """

    slow_density = True

    def __init__(self, n_latents: int, layers: int = 4, hidden: int = 64, context: int = 2) -> None:
        super().__init__(n_latents, context, least=2)
        self.layers, self.hidden = layers, hidden
        self.autoregressive = MAF(n_latents, context=context * n_latents, transforms=layers, hidden_features=(hidden,))
        shrink_last_layers(self.autoregressive, ("2.weight", "2.bias"))

    def moves(self, seen: Tensor) -> tuple[Move, Move]:
        # zuko's fast direction, which a masked flow spends on densities, is spent on draws here.
        to_draw = self.autoregressive.transform(seen)
        return to_draw.call_and_ladj, to_draw.inv.call_and_ladj
