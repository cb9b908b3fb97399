"""A logistic density summed over the cells of an even grid on [0, 1]: the likelihood of stored grey levels.

Kingma et al. (2016), Improving Variational Inference with Inverse Autoregressive Flow; Salimans et al. (2017), PixelCNN++.
"""

import math

import torch
from torch import Tensor
from torch.distributions import constraints
from torch.nn import functional as F
from torch.types import _size

from latentia.core.errors import SupportError
from latentia.distributions.entry import Entry, How
from latentia.distributions.parametric import Parametric

# Of a mean, which would else hold a number for each level and value.
EDGES_AT_ONCE = 16


class Grid(constraints.Constraint):
    """The values 0, 1/(levels-1), ..., 1."""

    is_discrete = True
    event_dim = 0

    def __init__(self, levels: int) -> None:
        self.levels = levels
        super().__init__()

    def check(self, value: Tensor) -> Tensor:
        cell = value * (self.levels - 1)
        return (value >= 0) & (value <= 1) & ((cell - cell.round()).abs() < 1e-3)

    def __repr__(self) -> str:
        return f"a multiple of 1/{self.levels - 1} from 0 to 1"


class DiscretizedLogistic(Parametric):
    """Mass of each of ``levels`` grey levels k / (levels - 1); the end cells take the tails, so that the masses sum to 1.

    Args:
        loc: location on the [0, 1] scale, any real number.
        scale: width on the same scale, positive; broadcasts with loc.
        levels: number of grey levels, at least 2; 256 for a stored byte.

    Raises:
        SupportError: ``levels`` is no such number.
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    has_enumerate_support = True
    loc: Tensor
    scale: Tensor

    def __init__(
        self, loc: Tensor | float, scale: Tensor | float, levels: int = 256, validate_args: bool | None = None
    ) -> None:
        self.levels = checked_levels(levels, type(self).__name__)
        super().__init__(loc=loc, scale=scale, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> constraints.Constraint:  # pyright: ignore[reportIncompatibleVariableOverride]
        return Grid(self.levels)

    def log_prob(self, value: Tensor) -> Tensor:
        """log mass in nats: value (..., on the grid) -> (...); unchecked, that of the nearest cell, -inf beyond the ends."""
        if self._validate_args:
            self._validate_sample(value)
        return mask_beyond_ends(value, self.levels, log_cell_mass(value, self.loc, self.scale, self.levels))

    def cdf(self, value: Tensor) -> Tensor:
        """Mass up to a value (...) -> (...): that of the levels that do not exceed it."""
        return mass_up_to(value, self.loc, self.scale, self.levels)

    def sample(self, sample_shape: _size = ()) -> Tensor:
        shape = self._draw_shape(sample_shape)
        with torch.no_grad():
            return draw_level(self.loc.expand(shape), self.scale, self.levels)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """The grey levels: (levels, *batch), or (levels, 1, ...) where ``expand`` is False."""
        grid = torch.linspace(0, 1, self.levels, dtype=self.loc.dtype, device=self.loc.device)
        grid = grid.reshape((-1,) + (1,) * len(self.batch_shape))
        return grid.expand(-1, *self.batch_shape) if expand else grid

    def _cell_masses(self) -> tuple[Tensor, Tensor]:
        grid = self.enumerate_support(expand=False)
        return grid, log_cell_mass(grid, self.loc, self.scale, self.levels).exp()

    @property
    def mean(self) -> Tensor:
        """The sum of the chances to lie above each edge between two levels, times the step: summation by parts."""
        top = self.levels - 1
        edges = (torch.arange(top, dtype=self.loc.dtype, device=self.loc.device) + 0.5) / top
        total = torch.zeros_like(self.loc + self.scale)
        for some in edges.reshape((-1,) + (1,) * total.ndim).split(EDGES_AT_ONCE):
            total = total + torch.sigmoid((self.loc - some) / self.scale).sum(0)
        return total / top

    @property
    def variance(self) -> Tensor:
        grid, mass = self._cell_masses()
        # About the mean: the difference of two squares falls below zero where one level has all the mass.
        return ((grid - (grid * mass).sum(0)).square() * mass).sum(0)

    @property
    def mode(self) -> Tensor:
        """The cell at loc, or an end whose tail outweighs it."""
        top = self.levels - 1
        peak = (self.loc.clamp(0, 1) * top).round() / top
        cells = torch.stack([peak, torch.zeros_like(peak), torch.ones_like(peak)])
        best = log_cell_mass(cells, self.loc, self.scale, self.levels).argmax(0, keepdim=True)
        return cells.gather(0, best).squeeze(0)

    def entropy(self) -> Tensor:
        log_mass = log_cell_mass(self.enumerate_support(expand=False), self.loc, self.scale, self.levels)
        return -(log_mass.exp() * log_mass).sum(0)


def log_cell_mass(value: Tensor, loc: Tensor, scale: Tensor, levels: int) -> Tensor:
    """log mass of the cell that holds each value, in nats: the three broadcast -> (...)."""
    top = levels - 1
    # Edges from the cell's number, so that neighbours share theirs to the last digit and the masses telescope.
    # No further than the ends: an infinite edge would turn the gradients into NaN.
    cell = (value * top).round().clamp(0, top)
    upper = ((cell + 0.5) / top - loc) / scale
    lower = ((cell - 0.5) / top - loc) / scale
    # log(sigmoid(upper) - sigmoid(lower)) without cancellation, from
    # sigmoid(u) - sigmoid(l) = sigmoid(u) sigmoid(-l) (1 - exp(l - u)).
    width = (1 / (top * scale)).clamp_min(1e-30)
    inner = F.logsigmoid(upper) + F.logsigmoid(-lower) + torch.log(-torch.expm1(-width))
    return torch.where(cell < 0.5, F.logsigmoid(upper), torch.where(cell > top - 0.5, F.logsigmoid(-lower), inner))


def mass_up_to(value: Tensor, loc: Tensor, scale: Tensor, levels: int) -> Tensor:
    """Mass of the levels that do not exceed each value: the three broadcast -> (...)."""
    top = levels - 1
    # A little slack, as k / top times top may round to just below k; no more than ``Grid`` has.
    cell = (value * top + 1e-3).floor()
    inner = torch.sigmoid(((cell.clamp(0, top) + 0.5) / top - loc) / scale)
    return torch.where(cell < 0, 0.0, torch.where(cell >= top, 1.0, inner))


def checked_levels(levels: int, who: str) -> int:
    """``levels`` where it is a whole number of at least 2."""
    if isinstance(levels, bool) or not isinstance(levels, int) or levels < 2:
        raise SupportError(f"{who}: levels is {levels!r}, wanted a whole number of at least 2; give 256 for stored bytes.")
    return levels


def mask_beyond_ends(value: Tensor, levels: int, log_mass: Tensor) -> Tensor:
    """-inf where a value lies more than half a cell outside [0, 1]; a NaN stays one."""
    half = 0.5 / (levels - 1)
    return torch.where((value < -half) | (value > 1 + half), -torch.inf, log_mass)


def draw_level(loc: Tensor, scale: Tensor, levels: int) -> Tensor:
    """One grey level for each loc (...) -> (...)."""
    u = torch.rand(loc.shape, dtype=loc.dtype, device=loc.device).clamp(1e-7, 1 - 1e-7)
    continuous = loc + scale * torch.logit(u)
    return (continuous.clamp(0, 1) * (levels - 1)).round() / (levels - 1)


def grid_nats_to_bits(nats: float, n_values: float) -> float:
    """Bits a dimension of a negative log mass in nats over ``n_values`` values.

    >>> round(grid_nats_to_bits(784 * math.log(256), 784), 6)
    8.0
    """
    return nats / (n_values * math.log(2.0))


DISCRETIZED_LOGISTIC = Entry(
    DiscretizedLogistic,
    How.NONE,
    "sigmoid((x + h - loc) / scale) - sigmoid((x - h - loc) / scale), h = 0.5 / (levels - 1); the ends take the tails",
    "Kingma et al. (2016), Improving Variational Inference with Inverse Autoregressive Flow",
    typical={"loc": [0.3, 0.8], "scale": [0.05, 0.2], "levels": 17},
    extreme={"loc": [-1e3, 0.5, 1e3], "scale": [1e-6, 1e5, 1.0], "levels": 256},
    invalid={"scale": [-1.0, 0.1]},
)
