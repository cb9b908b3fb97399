"""A sequence whose every entry has a law given all entries before it, from one causal network.

Larochelle & Murray (2011), The Neural Autoregressive Distribution Estimator; van den Oord, Kalchbrenner & Kavukcuoglu
(2016), Pixel Recurrent Neural Networks.
"""

from collections.abc import Callable

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, Normal, constraints
from torch.types import _size

from latentia.core.errors import LatentiaError, ShapeError
from latentia.core.random import seeded
from latentia.distributions.entry import Entry, How
from latentia.distributions.parametric import Parametric
from latentia.distributions.structured.parts import Conditioned, draw, fitted, is_fixed, last_entry, support_of


class Autoregressive(Parametric):
    """log p(x) = sum over i of log p(x_i | start, x_0, ..., x_{i-1}).

    ``conditional`` sees the sequence one place late: its input i is x_{i-1}, and ``start`` for i = 0; this class shifts. Its
    law i may depend on inputs 0 to i and on no later one, as in an RNN, a causal convolution or a masked transformer. A
    density is one call; a draw is T calls with prefixes that grow.

    Args:
        conditional: prefix (..., t, *e) -> law with batch (..., t) and event (*e), for every t from 1 to T.
        length: T, the number of entries, at least 1.
        start: (*e), or a number, fed before the first entry. Draws have its dtype, so that integer tokens stay integers.
        batch_shape: of the distribution; axes before it are sample axes.
        validate_args: where true, the first ``log_prob`` also feeds shortened prefixes, about log2 T of them, and compares.
            A network that answers twice differently (dropout) cannot be compared and passes.

    Raises:
        ShapeError: fewer than one entry; laws of another shape; a continuous law after an integer ``start``.
        LatentiaError: the network peeks ahead.
        NoReparameterization: ``rsample`` of laws whose draws carry no gradient.
    """

    def __init__(
        self,
        conditional: Callable[[Tensor], Distribution],
        length: int,
        start: Tensor | float,
        batch_shape: _size = (),
        validate_args: bool | None = None,
    ) -> None:
        if length < 1:
            raise ShapeError(f"Autoregressive: length is {length}, wanted at least 1.")
        self.conditional, self.length, self.start = conditional, length, torch.as_tensor(start)
        self._time = -1 - self.start.ndim
        self._first: Distribution | None = None
        self._may_peek = length > 1
        self._set({}, Size(batch_shape), Size((length, *self.start.shape)), validate_args)

    @property
    def has_rsample(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]  known once the conditional is asked
        return self._first_law().has_rsample

    @property
    def support(self) -> constraints.Constraint:  # pyright: ignore[reportIncompatibleVariableOverride]
        base = support_of(self._first_law())
        event_dim = len(self.event_shape)
        if is_fixed(base):
            return constraints.independent(base, event_dim - base.event_dim)
        return Conditioned(self._each_entry_is_supported, event_dim, base.is_discrete)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density (or mass) in nats: value (..., T, *e) -> (...)."""
        if self._validate_args:
            self._validate_sample(value)
        x, prefix = self._shifted(value)
        each = self._law(prefix).log_prob(x)
        if self._validate_args and self._may_peek:
            self._refuse_peeking(x, prefix, each.detach())
            self._may_peek = False
        return each.sum(-1)

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        return self._draw(sample_shape, with_gradient=True)

    def sample(self, sample_shape: _size = ()) -> Tensor:
        with torch.no_grad():
            return self._draw(sample_shape, with_gradient=False)

    def _draw(self, sample_shape: _size, with_gradient: bool) -> Tensor:
        prefix = self._started(Size(sample_shape) + self.batch_shape)
        for _ in range(self.length):
            # Of a law that cannot be cut all entries are drawn and the last is kept.
            law = last_entry(self._law(prefix))
            x = draw(law, (), with_gradient, "Autoregressive: conditional").narrow(self._time, -1, 1)
            prefix = torch.cat([prefix, x.to(prefix.dtype)], self._time)
        return prefix.narrow(self._time, 1, self.length)

    def _started(self, lead: Size) -> Tensor:
        return self.start.expand((*lead, 1, *self.start.shape))

    def _shifted(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """value (..., T, *e) -> itself with every batch axis, and what the network is fed, both (..., T, *e)."""
        lead = torch.broadcast_shapes(value.shape[: value.ndim - len(self.event_shape)], self.batch_shape)
        x = value.expand(lead + self.event_shape)
        before = x.narrow(self._time, 0, self.length - 1).to(self.start.dtype)
        return x, torch.cat([self._started(lead), before], self._time)

    def _law(self, prefix: Tensor) -> Distribution:
        lead = prefix.shape[: prefix.ndim - self.start.ndim]
        law = fitted(self.conditional(prefix), lead, self.start.shape, "Autoregressive: conditional")
        if not (prefix.is_floating_point() or support_of(law).is_discrete):
            raise ShapeError(
                f"Autoregressive: start is {prefix.dtype} but the entries are continuous; give start a floating dtype."
            )
        return law

    def _first_law(self) -> Distribution:
        if self._first is None:
            with torch.no_grad(), seeded(0):
                self._first = self._law(self._started(self.batch_shape))
        return self._first

    def _each_entry_is_supported(self, value: Tensor) -> Tensor:
        x, prefix = self._shifted(value)
        return support_of(self._law(prefix)).check(x).all(-1)

    @torch.no_grad()
    def _refuse_peeking(self, x: Tensor, prefix: Tensor, each: Tensor) -> None:
        with seeded(0):
            if not _agree(self._law(prefix).log_prob(x), each):
                return
            cuts = {self.length - 1, *(self.length >> k for k in range(1, self.length.bit_length()))}
            for cut in sorted(cuts):
                short = self._law(prefix.narrow(self._time, 0, cut)).log_prob(x.narrow(self._time, 0, cut))
                if not _agree(short, each[..., :cut]):
                    raise LatentiaError(
                        f"Autoregressive: the network peeks ahead, its first {cut} laws change with inputs after them; "
                        "mask it, or pad a convolution on the left only."
                    )


def _agree(a: Tensor, b: Tensor) -> bool:
    """Whether two sets of log densities are the same but for the order of sums."""
    slack = torch.finfo(b.dtype).eps ** 0.5 * (1 + b.abs())
    return bool(((a == b) | ((a - b).abs() <= slack)).all())


def _two_entries(loc: Tensor, weight: Tensor, scale: Tensor, validate_args: bool | None = None) -> Autoregressive:
    def conditional(prefix: Tensor) -> Distribution:
        return Normal(loc.unsqueeze(-1) + torch.tanh(weight.unsqueeze(-1) * prefix), scale.unsqueeze(-1), validate_args)

    return Autoregressive(conditional, 2, loc.new_zeros(()), loc.shape, validate_args)


AUTOREGRESSIVE = Entry(
    _two_entries,
    How.COMPOSITION,
    "x_i from conditional(start, x_0, ..., x_{i-1})_i; here x_i = loc + tanh(weight · x_{i-1}) + scale · e_i, x_{-1} = 0",
    "Larochelle & Murray (2011), The Neural Autoregressive Distribution Estimator",
    typical={"loc": [0.3, -0.5], "weight": [1.5, -0.7], "scale": [0.8, 1.1]},
    extreme={"loc": [-1e4, 0.0, 1e4], "weight": [1e4, -1.0, 1e-4], "scale": [1e-4, 1e4, 1.0]},
)
