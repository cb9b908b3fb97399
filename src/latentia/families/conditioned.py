"""What every flow family shares: noise that a transformation conditioned on the row moves, then a location and a scale.

Rezende & Mohamed (2015), Variational Inference with Normalizing Flows.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import ref

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from latentia.core.errors import ShapeError
from latentia.families.base import Family, positive

Move = Callable[[Tensor], tuple[Tensor, Tensor]]
"""u (..., D) -> where it goes, (..., D), and the log of the volume's growth there, (...)."""


class Drawn(NamedTuple):
    """The last draw and its log-density; the version tells a tensor that was written into since."""

    z: ref[Tensor]
    version: int
    log_q: Tensor


class Moved(Distribution):
    """u ~ N(0, I), moved there by an invertible map, then z = loc + scale u.

    A draw's density is known from the way there. It is kept until the next draw, so that scoring the very tensor that
    ``rsample`` gave costs nothing, where another value has to go all the way back. The density that is kept leads to the
    parameters by way of the noise: its gradient is the total derivative, but a derivative for z alone must be asked at a
    tensor of its own (``z.detach().requires_grad_()``), as sticking the landing does.

    Args:
        there: from noise to draws.
        back: its inverse, with the log volume of the way back.
        loc: (*batch, D).
        scale: (*batch, D), positive.
    """

    has_rsample = True

    def __init__(self, there: Move, back: Move, loc: Tensor, scale: Tensor) -> None:
        self.there, self.back, self.loc, self.scale = there, back, loc, scale
        self._drawn: Drawn | None = None
        super().__init__(loc.shape[:-1], loc.shape[-1:], validate_args=False)

    @property
    def arg_constraints(self) -> dict[str, constraints.Constraint]:
        return {"loc": constraints.real_vector, "scale": constraints.independent(constraints.positive, 1)}

    @property
    def support(self) -> constraints.Constraint:
        return constraints.real_vector

    def rsample(self, sample_shape: Any = ()) -> Tensor:  # torch says Size, and takes any tuple
        """(*sample_shape, *batch, D)."""
        noise = torch.randn_like(self.loc.detach().expand(*sample_shape, *self.loc.shape))
        moved, growth = self.there(noise)
        z = self.loc + self.scale * moved
        log_q = _standard(noise) - growth - self.scale.log().sum(-1)
        self._drawn = Drawn(ref(z), _version(z), log_q)
        return z

    def log_prob(self, value: Tensor) -> Tensor:
        """Nats: (..., *batch, D) -> (..., *batch)."""
        last = self._drawn
        same = last is not None and last.z() is value and last.version == _version(value)
        # A draw made without a graph has a density without one, which would be silent where a score is asked for.
        if last is not None and same and (last.log_q.requires_grad or not torch.is_grad_enabled()):
            return last.log_q
        noise, growth = self.back((value - self.loc) / self.scale)
        return _standard(noise) + growth - self.scale.log().sum(-1)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Distribution:
        """The same law for more rows: what the map sees of a row broadcasts against the noise."""
        shape = torch.Size(batch_shape) + self.event_shape
        return Moved(self.there, self.back, self.loc.expand(shape), self.scale.expand(shape))


def _version(z: Tensor) -> int:
    """How often z was written into; inference tensors do not count, and refuse to be written into outside of their mode."""
    return 0 if z.is_inference() else z._version


def _standard(u: Tensor) -> Tensor:
    """log N(u; 0, I): (..., D) -> (...)."""
    return -0.5 * (u.square() + 1.8378770664093453).sum(-1)  # log 2 pi


class Conditioned(Family):
    """q(z | x): noise moved by a map that sees the row, then mu + sigma u. Each kind of flow says its map.

    Args:
        n_latents: D, the length of z.
        context: numbers a latent that the encoder hands to the map.
        least: the fewest latents that the map can move.

    Raises:
        ShapeError: fewer latents than ``least``.
    """

    def __init__(self, n_latents: int, context: int, least: int = 1) -> None:
        super().__init__()
        if n_latents < least:
            name = type(self).__name__
            raise ShapeError(f"{name} needs at least {least} latents, got {n_latents}; use 'full-rank-normal'.")
        self.n_latents, self.context = n_latents, context

    @property
    def raw_per_value(self) -> int:
        return 2 + self.context

    @abstractmethod
    def moves(self, seen: Tensor) -> tuple[Move, Move]:
        """The map and its inverse for rows ``seen`` (*batch, context * D), each number between -1 and 1."""

    def distribution(self, raw: Tensor, event_dim: int = 1) -> Distribution:
        if event_dim != 1 or raw.shape[-1] != self.n_latents:
            raise ShapeError(
                f"{type(self).__name__}({self.n_latents}) was given an event of shape {tuple(raw.shape[-event_dim:])}; "
                f"give it a vector of {self.n_latents} latents."
            )
        loc, scale = raw[..., 0, :], positive(raw[..., 1, :])
        # Squashed, so that an extreme encoder output cannot throw the layers to infinity.
        there, back = self.moves(torch.tanh(raw[..., 2:, :].flatten(-2)))
        return Moved(there, back, loc, scale)


def shrink_last_layers(module: torch.nn.Module, last: tuple[str, ...], by: float = 0.1) -> None:
    """Multiply the layers whose names end so: training starts near the diagonal normal and bends from there."""
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if name.endswith(last):
                weight.mul_(by)
