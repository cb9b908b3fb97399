"""The unit sphere: what lies on it, its area, and the distribution that prefers no direction.

Marsaglia (1972), Choosing a point from the surface of a sphere; Mardia & Jupp (2000), Directional Statistics, chapter 9.
"""

import math

import torch
from torch import Size, Tensor
from torch.distributions import constraints
from torch.types import _size

from latentia.core.errors import ShapeError, SupportError
from latentia.distributions.entry import Entry, How
from latentia.distributions.parametric import Parametric


class _UnitVector(constraints.Constraint):
    """Vectors of length 1, to half the digits of their dtype, or of a coarser one that they were computed in.

    Args:
        dtypes: those that values come from; a draw in float32 stays one when it is read in float64.
    """

    event_dim = 1

    def __init__(self, *dtypes: torch.dtype) -> None:
        self._dtypes = dtypes

    def check(self, value: Tensor) -> Tensor:
        eps = max(torch.finfo(dtype).eps for dtype in (value.dtype, *self._dtypes))
        # NaN is no unit vector: the comparison is false.
        return (torch.linalg.vector_norm(value, dim=-1) - 1).abs() < eps**0.5

    def __repr__(self) -> str:
        return "UnitVector()"


unit_vector: constraints.Constraint = _UnitVector()


def unit_vector_from(*dtypes: torch.dtype) -> constraints.Constraint:
    """``unit_vector`` for values that may have been computed in any of these dtypes."""
    return _UnitVector(*dtypes)


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
        SupportError: ``dim`` is no whole number, or below 1.
        ShapeError: ``batch_shape`` is no shape.
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
        if not isinstance(dim, int) or dim < 1:
            raise SupportError(
                f"HypersphericalUniform: dim is {dim}, wanted a whole number of at least 1; give the length of a draw."
            )
        try:
            batch = Size(batch_shape)
        except TypeError:
            raise ShapeError(
                f"HypersphericalUniform: batch_shape is {batch_shape}, wanted a tuple of whole numbers, such as (5,) or ()."
            ) from None
        self.dim = dim
        self._zero = torch.zeros((), dtype=dtype, device=device)
        # Not by way of super(), which takes the batch shape from parameters; there are none.
        self._set({}, batch, Size((dim,)), validate_args)
        self.support = unit_vector_from(self._zero.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats, in the dtype of value: (..., D) -> (...)."""
        if self._validate_args:
            self._validate_sample(value)
        shape = torch.broadcast_shapes(value.shape[:-1], self.batch_shape)
        inside = torch.full(shape, -log_area(self.dim), dtype=value.dtype, device=value.device)
        return torch.where(self.support.check(value), inside, -torch.inf)

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
