"""A logistic density summed over the cells of an even grid on [0, 1]: the likelihood of stored grey levels.

Kingma et al. (2016), Improving Variational Inference with Inverse Autoregressive Flow; Salimans et al. (2017), PixelCNN++.
"""

import math
from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, constraints
from torch.distributions.utils import broadcast_all
from torch.nn import functional as F
from torch.types import _size


class _Grid(constraints.Constraint):
    """The values 0, 1/(levels-1), ..., 1."""

    is_discrete = True
    event_dim = 0

    def __init__(self, levels: int) -> None:
        self.levels = levels
        super().__init__()

    def check(self, value: Tensor) -> Tensor:
        cell = value * (self.levels - 1)
        return (value >= 0) & (value <= 1) & ((cell - cell.round()).abs() < 1e-3)


class DiscretizedLogistic(Distribution):
    """Mass of each of ``levels`` grey levels k / (levels - 1); the end cells take the tails, so that the masses sum to 1.

    Args:
        loc: location on the [0, 1] scale, any real number.
        scale: width on the same scale, positive; broadcasts with loc.
        levels: number of grey levels, 256 for a stored byte.
    """

    has_enumerate_support = True

    def __init__(self, loc: Tensor, scale: Tensor, levels: int = 256, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        self.levels = levels
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def arg_constraints(self) -> dict[str, constraints.Constraint]:
        return {"loc": constraints.real, "scale": constraints.positive}

    @property
    def support(self) -> constraints.Constraint:
        return _Grid(self.levels)

    def log_prob(self, value: Tensor) -> Tensor:
        """log mass in nats: value (..., on the grid) -> (...)."""
        top = self.levels - 1
        # Edges from the cell's number, so that neighbours share theirs to the last digit and the masses telescope.
        cell = (value * top).round()
        upper = ((cell + 0.5) / top - self.loc) / self.scale
        lower = ((cell - 0.5) / top - self.loc) / self.scale
        # log(sigmoid(upper) - sigmoid(lower)) without cancellation, from
        # sigmoid(u) - sigmoid(l) = sigmoid(u) sigmoid(-l) (1 - exp(l - u)).
        width = (1 / (top * self.scale)).clamp_min(1e-30)
        inner = F.logsigmoid(upper) + F.logsigmoid(-lower) + torch.log(-torch.expm1(-width))
        return torch.where(cell < 0.5, F.logsigmoid(upper), torch.where(cell > top - 0.5, F.logsigmoid(-lower), inner))

    def sample(self, sample_shape: _size = ()) -> Tensor:
        shape = self._extended_shape(Size(sample_shape))
        with torch.no_grad():
            u = torch.rand(shape, dtype=self.loc.dtype, device=self.loc.device).clamp(1e-7, 1 - 1e-7)
            continuous = self.loc + self.scale * torch.logit(u)
            return (continuous.clamp(0, 1) * (self.levels - 1)).round() / (self.levels - 1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """The grey levels: (levels, *batch), or (levels, 1, ...) where ``expand`` is False."""
        grid = torch.linspace(0, 1, self.levels, dtype=self.loc.dtype, device=self.loc.device)
        grid = grid.reshape((-1,) + (1,) * self.loc.ndim)
        return grid.expand(-1, *self.batch_shape) if expand else grid

    def _cell_masses(self) -> tuple[Tensor, Tensor]:
        grid = self.enumerate_support(expand=False)
        return grid, self.log_prob(grid).exp()

    @property
    def mean(self) -> Tensor:
        grid, mass = self._cell_masses()
        return (grid * mass).sum(0)

    @property
    def variance(self) -> Tensor:
        grid, mass = self._cell_masses()
        return (grid.square() * mass).sum(0) - (grid * mass).sum(0).square()

    @property
    def mode(self) -> Tensor:
        return (self.loc.clamp(0, 1) * (self.levels - 1)).round() / (self.levels - 1)

    def expand(self, batch_shape: _size, _instance: Any = None) -> "DiscretizedLogistic":
        shape = Size(batch_shape)
        return DiscretizedLogistic(self.loc.expand(shape), self.scale.expand(shape), self.levels, validate_args=False)


def grid_nats_to_bits(nats: float, n_values: float) -> float:
    """Bits a dimension of a negative log mass in nats over ``n_values`` values.

    >>> round(grid_nats_to_bits(784 * math.log(256), 784), 6)
    8.0
    """
    return nats / (n_values * math.log(2.0))
