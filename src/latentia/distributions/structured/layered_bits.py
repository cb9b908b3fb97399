"""Layers of bits, each given the one before: what a sigmoid belief network draws downwards and its recognition upwards.

Neal (1992), Connectionist Learning of Belief Networks; Dayan, Hinton, Neal & Zemel (1995), The Helmholtz Machine.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Size, Tensor
from torch.distributions import Bernoulli, Distribution, constraints
from torch.nn import functional as F
from torch.types import _size

from latentia.core.errors import NoClosedForm, ShapeError
from latentia.distributions.entry import Entry, How
from latentia.distributions.independent_bits import IndependentBits
from latentia.distributions.parametric import Parametric

# States that may be written out.
MOST_BITS = 20

Conditional = Callable[[Tensor], Tensor]


class LayeredBits(Parametric):
    """log p(z) = log first(z_a) + sum over layers of log p(layer | the layer drawn before it); bits independent in a layer.

    All layers lie end to end in one vector, the lowest first, in whichever direction they are drawn: so that a prior that
    draws downwards and a posterior that draws upwards speak of one z. ``split`` takes the layers apart.

    Args:
        logits: of the layer that is drawn first, (*batch, its width).
        conditionals: for each further layer, in the order of drawing: bits of the layer before (..., its width) -> logits of
            the layer (..., its width). Asked about (*sample, *batch, width) and about values of any other leading axes.
        widths: of all layers, from the lowest to the highest.
        upwards: the lowest layer is drawn first; else the highest.

    Moments are stated where there is one layer alone. Draws carry no gradient; ``relaxed_rsample`` draws soft ones that do.

    Raises:
        ShapeError: widths that do not fit the conditionals or the logits.

    >>> pair = LayeredBits(torch.zeros(3), [lambda z: 2 * z[..., :2]], widths=[3, 2])
    >>> z = pair.sample((5,))
    >>> z.shape, [layer.shape for layer in pair.split(z)]
    (torch.Size([5, 5]), [torch.Size([5, 3]), torch.Size([5, 2])])
    """

    arg_constraints = {"logits": constraints.real_vector}
    support = constraints.independent(constraints.boolean, 1)
    has_rsample = False

    logits: Tensor

    def __init__(
        self,
        logits: Tensor,
        conditionals: Sequence[Conditional] = (),
        widths: Sequence[int] | None = None,
        upwards: bool = True,
        validate_args: bool | None = None,
    ) -> None:
        self.widths = [logits.shape[-1]] if widths is None else list(widths)
        self.conditionals, self.upwards = tuple(conditionals), upwards
        first = self.widths[0 if upwards else -1]
        if len(self.widths) != len(self.conditionals) + 1 or logits.shape[-1] != first:
            raise ShapeError(
                f"LayeredBits got {len(self.widths)} widths {self.widths} for {len(self.conditionals)} conditionals and "
                f"logits of {logits.shape[-1]} bits; wanted one width more than conditionals, and {first} logits."
            )
        super().__init__((sum(self.widths),), validate_args, logits=logits)

    def split(self, z: Tensor) -> tuple[Tensor, ...]:
        """The layers, the lowest first: z (..., n) -> (..., width) each."""
        return z.split(self.widths, -1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log mass in nats: value (..., n) -> (...). Between bits it goes on in a straight line, as Bernoulli's does."""
        if self._validate_args:
            self._validate_sample(value)
        drawn = self.split(value) if self.upwards else self.split(value)[::-1]
        total = _log_mass(self.logits, drawn[0])
        for conditional, before, layer in zip(self.conditionals, drawn, drawn[1:], strict=False):
            total = total + _log_mass(conditional(before), layer)
        return total

    @torch.no_grad()
    def sample(self, sample_shape: _size = ()) -> Tensor:
        # Through torch.rand and not torch.bernoulli, which stops at a NaN where a learner would skip a step.
        def hard(logits: Tensor, noise: Tensor) -> Tensor:
            return (noise < torch.sigmoid(logits)).to(logits.dtype)

        return self._draw(sample_shape, hard)

    def relaxed_rsample(self, sample_shape: _size = (), temperature: float | Tensor = 0.5) -> Tensor:
        """Soft bits in (0, 1) that carry a gradient, each layer fed by the soft bits of the one before.

        At temperature 0 they are bits (Maddison, Mnih & Teh 2017, The Concrete Distribution).
        """

        def soft(logits: Tensor, noise: Tensor) -> Tensor:
            eps = torch.finfo(logits.dtype).eps
            return torch.sigmoid((logits + torch.logit(noise.clamp(eps, 1 - eps))) / temperature)

        return self._draw(sample_shape, soft)

    def _draw(self, sample_shape: _size, turn: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """``turn`` makes bits of logits and of uniform noise, which alone has the sample's axes in the first layer."""
        lead = Size(sample_shape) + self.batch_shape
        noise = torch.rand(lead + self.logits.shape[-1:], dtype=self.logits.dtype, device=self.logits.device)
        layers = [turn(self.logits, noise)]
        for conditional in self.conditionals:
            logits = conditional(layers[-1])
            layers.append(turn(logits, torch.rand_like(logits)))
        return torch.cat(layers if self.upwards else layers[::-1], -1) if len(layers) > 1 else layers[0]

    def enumerate_states(self) -> Tensor:
        """All states of an event, (2^n, n), the last bit changing fastest.

        Raises:
            NoClosedForm: more bits than can be written out.
        """
        n = self.event_shape[0]
        if n > MOST_BITS:
            raise NoClosedForm(f"{n} bits have 2^{n} states; {MOST_BITS} bits is what can be written out, draw instead.")
        places = torch.arange(n - 1, -1, -1, device=self.logits.device)
        return (torch.arange(2**n, device=self.logits.device).unsqueeze(-1) >> places & 1).to(self.logits.dtype)

    @property
    def has_enumerate_support(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.event_shape[0] <= MOST_BITS

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """``enumerate_states`` with the batch axes torch puts in between: (2^n, *batch, n), of length 1 unless expanded."""
        states = self.enumerate_states()
        states = states.reshape(len(states), *(1,) * len(self.batch_shape), -1)
        return states.expand(-1, *self.batch_shape, -1) if expand else states

    @property
    def mean(self) -> Tensor:
        return torch.sigmoid(self._alone())

    @property
    def variance(self) -> Tensor:
        return torch.sigmoid(self._alone()) * torch.sigmoid(-self._alone())

    @property
    def mode(self) -> Tensor:
        return (self._alone() > 0).to(self.logits.dtype)

    def entropy(self) -> Tensor:
        logits = self._alone()
        return (F.softplus(logits) - torch.sigmoid(logits) * logits).sum(-1)

    def _alone(self) -> Tensor:
        if self.conditionals:
            raise NotImplementedError("several layers of bits state no moments; average draws")
        return self.logits


def layers_of_bits(
    logits: Tensor, conditionals: Sequence[Conditional], widths: Sequence[int], upwards: bool
) -> Distribution:
    """``LayeredBits``; of one layer, the product of Bernoullis that torch knows divergences of."""
    if not conditionals:
        return IndependentBits(Bernoulli(logits=logits, validate_args=False), 1, validate_args=False)
    return LayeredBits(logits, conditionals, widths, upwards, validate_args=False)


def _log_mass(logits: Tensor, bits: Tensor) -> Tensor:
    """Of independent bits, summed over the last axis; the logits may lack leading axes of the bits, or the reverse."""
    return (bits * logits).sum(-1) - F.softplus(logits).sum(-1)


def _two_bits(logits: Tensor, weight: Tensor, bias: Tensor, validate_args: bool | None = None) -> LayeredBits:
    def above(z: Tensor) -> Tensor:
        return z * weight.unsqueeze(-1) + bias.unsqueeze(-1)

    return LayeredBits(logits.unsqueeze(-1), [above], [1, 1], validate_args=validate_args)


LAYERED_BITS = Entry(
    _two_bits,
    How.NONE,
    "product over layers of Bernoulli(z_k; logits_k(z_{k-1})); here one bit and another with logit weight · z_1 + bias",
    "Neal (1992), Connectionist Learning of Belief Networks",
    typical={"logits": [0.4, -1.0], "weight": [1.5, -2.0], "bias": [-0.3, 0.8]},
    extreme={"logits": [-1e4, 30.0, 1e4], "weight": [1e4, -1e4, 1.0], "bias": [-30.0, 1e4, -1e4]},
)
