"""The unit sphere: what lies on it, its area, and the distribution that prefers no direction.

Marsaglia (1972), Choosing a point from the surface of a sphere; Mardia & Jupp (2000), Directional Statistics, chapter 9.
"""

import math

import torch
from torch import Size, Tensor
from torch.distributions import constraints
from torch.types import _size

from latentia.core.errors import SupportError
from latentia.distributions.entry import Entry, How
from latentia.distributions.parametric import Parametric


class _UnitVector(constraints.Constraint):
    """Vectors of length 1, to half the digits of their dtype."""

    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        # NaN is no unit vector: the comparison is false.
        return (torch.linalg.vector_norm(value, dim=-1) - 1).abs() < torch.finfo(value.dtype).eps ** 0.5

    def __repr__(self) -> str:
        return "UnitVector()"


unit_vector: constraints.Constraint = _UnitVector()


def log_area(dim: int) -> float:
    """Log of the area of the unit sphere in ``dim`` dimensions.

    >>> round(math.exp(log_area(2)) / math.pi, 12)
    2.0
    """
    return math.log(2) + 0.5 * dim * math.log(math.pi) - math.lgamma(0.5 * dim)


class HypersphericalUniform(Parametric):
    """Constant density on the unit sphere, with respect to its area; the prior of a hyperspherical VAE.

    Args:
        dim: D, the length of a draw, at least 1.
        batch_shape: shape of one batch.
        dtype: of the draws; torch's default where None.
        device: of the draws.

    Raises:
        SupportError: ``dim`` is below 1.
    """

    arg_constraints = {}
    support = unit_vector
    has_rsample = True

    def __init__(
        self,
        dim: int,
        batch_shape: tuple[int, ...] = (),
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if dim < 1:
            raise SupportError(f"HypersphericalUniform: dim is {dim}, wanted at least 1; give the length of a draw.")
        self.dim = dim
        self._zero = torch.zeros((), dtype=dtype, device=device)
        # Not by way of super(), which takes the batch shape from parameters; there are none.
        self._set({}, Size(batch_shape), Size((dim,)), validate_args)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats, in the dtype of value: (..., D) -> (...)."""
        if self._validate_args:
            self._validate_sample(value)
        shape = torch.broadcast_shapes(value.shape[:-1], self.batch_shape)
        inside = torch.full(shape, -log_area(self.dim), dtype=value.dtype, device=value.device)
        return torch.where(unit_vector.check(value), inside, -torch.inf)

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        normal = torch.randn(self._draw_shape(sample_shape), dtype=self._zero.dtype, device=self._zero.device)
        length = torch.linalg.vector_norm(normal, dim=-1, keepdim=True)
        # In one dimension float32 draws are exactly zero now and then.
        return torch.where(length > 0, normal / length, self.dim**-0.5)

    @property
    def mean(self) -> Tensor:
        return self._zero.expand(self.batch_shape + self.event_shape)

    @property
    def variance(self) -> Tensor:
        return self.mean + 1 / self.dim

    def entropy(self) -> Tensor:
        return self._zero.expand(self.batch_shape) + log_area(self.dim)


HYPERSPHERICAL_UNIFORM = Entry(
    HypersphericalUniform,
    How.COMPOSITION,
    "e / ||e||, e ~ N(0, I)",
    "Marsaglia (1972), Choosing a point from the surface of a sphere",
    typical={"dim": 3, "batch_shape": (2,)},
    extreme={"dim": 1000, "batch_shape": (3,)},
    invalid={"dim": 0},
)
