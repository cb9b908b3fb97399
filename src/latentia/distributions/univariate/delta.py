"""A point mass, for parameters and latents that are a single value.

Bingham et al. (2019), Pyro: deep universal probabilistic programming, whose convention for the density of a point it keeps.
"""

import torch
from torch import Size, Tensor
from torch.distributions import constraints
from torch.types import _size

from latentia.distributions.entry import Entry, How
from latentia.distributions.parametric import Parametric


class Delta(Parametric):
    """All mass on ``loc``.

    A point has no density by volume. ``log_prob`` is taken by a measure that gives the point the weight exp(-log_density):
    with 0 it is a probability, and anything else carries what is owed to a change of volume, as where a draw of another
    distribution is pinned. Averages of it stay true to that: ``entropy`` is minus the expected log_prob, so -log_density.
    There is no ``cdf``, whose step would have no slope.

    Args:
        loc: batch shape, then event shape; the last ``event_dim`` axes are one event.
        log_density: of the batch shape; ``log_prob`` at ``loc``, in nats.
        event_dim: how many axes of ``loc`` belong to one event.
    """

    arg_constraints = {"loc": constraints.real, "log_density": constraints.real}
    has_rsample = True
    loc: Tensor
    log_density: Tensor

    def __init__(
        self,
        loc: Tensor | float,
        log_density: Tensor | float = 0.0,
        event_dim: int = 0,
        validate_args: bool | None = None,
    ) -> None:
        self._event_dim = event_dim
        shape = loc.shape if isinstance(loc, Tensor) else Size()
        event = shape[len(shape) - event_dim :] if event_dim <= len(shape) else shape
        super().__init__(tuple(event), loc=loc, log_density=log_density, validate_args=validate_args)

    def _split_shape(self, name: str, p: Tensor) -> tuple[Size, Size]:
        at = p.ndim - self._event_dim if name == "loc" else p.ndim
        return p.shape[:at], p.shape[at:]

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> constraints.Constraint:  # pyright: ignore[reportIncompatibleVariableOverride]
        return constraints.independent(constraints.real, self._event_dim) if self._event_dim else constraints.real

    def log_prob(self, value: Tensor) -> Tensor:
        """``log_density`` at the point and minus infinity elsewhere: value (..., *event) -> (...)."""
        if self._validate_args:
            self._validate_sample(value)
        same = value == self.loc
        hit = same.flatten(same.ndim - self._event_dim).all(-1) if self._event_dim else same
        return torch.where(hit, self.log_density, -torch.inf)

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        # A copy: whoever writes into a draw does not write into the parameter.
        return self.loc.expand(self._draw_shape(sample_shape)).clone()

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return torch.zeros_like(self.loc)

    def entropy(self) -> Tensor:
        """Minus the expected log_prob, in nats; see the class."""
        return -self.log_density


DELTA = Entry(
    Delta,
    How.LOCATION_SCALE,
    "loc, whatever the noise",
    "Bingham et al. (2019), Pyro: deep universal probabilistic programming",
    typical={"loc": [-1.0, 0.5], "log_density": [0.0, 0.7]},
    extreme={"loc": [-1e4, 0.0, 1e4], "log_density": [0.0, -1e4, 1e4]},
    invalid={"loc": [float("nan"), 0.0], "log_density": [0.0, float("nan")]},
)
