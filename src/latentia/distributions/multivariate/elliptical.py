"""Elliptical distributions: a radius of any law in a direction without preference, then moved, stretched and turned.

Fang, Kotz & Ng (1990), Symmetric Multivariate and Related Distributions, chapter 2.
"""

from typing import Any, Self

import torch
from torch import Size, Tensor
from torch.distributions import constraints
from torch.types import _size

from latentia.core.errors import ShapeError
from latentia.distributions.entry import Entry, How
from latentia.distributions.multivariate.parts import require_tensors
from latentia.distributions.multivariate.radial import LaplaceRadius, NormalRadius, Radial, StudentTRadius
from latentia.distributions.parametric import Parametric


class Elliptical(Parametric):
    """z = loc + r L s, with s uniform on the unit sphere and r >= 0 from a radial law.

    Args:
        loc: (*batch, D) center and mode; the mean where there is one.
        scale_tril: (*batch, D, D) lower triangular with a positive diagonal; L L' is the covariance up to a factor.
        radial: the law of r in D dimensions, with parameters (*batch) of its own.

    Raises:
        ShapeError: loc, scale_tril and the radial law do not agree on D or on a batch shape.
    """

    arg_constraints = {"loc": constraints.real_vector, "scale_tril": constraints.lower_cholesky}
    support = constraints.real_vector
    has_rsample = True
    loc: Tensor
    scale_tril: Tensor
    radial: Radial

    def __init__(self, loc: Tensor, scale_tril: Tensor, radial: Radial, validate_args: bool | None = None) -> None:
        require_tensors(type(self).__name__, loc=loc, scale_tril=scale_tril)
        dim = loc.shape[-1] if loc.ndim else 0
        if scale_tril.shape[-2:] != (dim, dim):
            raise ShapeError(
                f"{type(self).__name__}: loc {tuple(loc.shape)} needs a scale_tril (..., {dim}, {dim}), "
                f"got {tuple(scale_tril.shape)}."
            )
        try:
            batch = torch.broadcast_shapes(loc.shape[:-1], scale_tril.shape[:-2], radial.batch_shape)
        except RuntimeError:
            numbers = {name: tuple(p.shape) for name, p in radial.parameters.items() if isinstance(p, Tensor)}
            shapes = ", ".join(f"{name} {shape}" for name, shape in numbers.items())
            raise ShapeError(
                f"{type(self).__name__}: loc {tuple(loc.shape)}, scale_tril {tuple(scale_tril.shape)}"
                f"{', ' * bool(shapes)}{shapes} do not broadcast; give them one batch shape."
            ) from None
        self.radial = radial.expand(batch, like=loc)
        super().__init__((dim,), validate_args, loc=loc.expand(*batch, dim), scale_tril=scale_tril)

    def _check_parameters(self) -> None:
        super()._check_parameters()
        for name, p in self.radial.parameters.items():
            constraint = self.radial.arg_constraints[name]
            self._require(name, constraint.check(p), repr(constraint))

    def expand(self, batch_shape: _size, _instance: Any = None) -> Self:
        new = super().expand(batch_shape, _instance)
        new.radial = self.radial.expand(batch_shape, like=self.loc)
        return new

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats: value (..., D) -> (...)."""
        if self._validate_args:
            self._validate_sample(value)
        off = value - self.loc
        # Infinitely far there is no density, but inf - inf within the solve would give NaN, as would the gradients.
        beyond = off.isinf().any(-1) & ~off.isnan().any(-1)
        squared = self._squared_length(torch.where(beyond.unsqueeze(-1), 0.0, off))
        log_density = self.radial.log_generator(squared, self.event_shape[0]) - self._log_det()
        return torch.where(beyond, -torch.inf, log_density)

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        normal = torch.randn(self._draw_shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + torch.einsum("...ij,...j->...i", self.scale_tril, self.radial.spread(normal))

    @property
    def mean(self) -> Tensor:
        factor = torch.as_tensor(self.radial.covariance_factor(self.event_shape[0]))
        return torch.where(factor.isnan().unsqueeze(-1).to(self.loc.device), torch.nan, self.loc)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return torch.diagonal(self.covariance_matrix, dim1=-2, dim2=-1)

    @property
    def covariance_matrix(self) -> Tensor:
        """(*batch, D, D)."""
        factor = self.radial.covariance_factor(self.event_shape[0])
        shape = self.scale_tril @ self.scale_tril.mT
        return shape * (factor[..., None, None] if isinstance(factor, Tensor) else factor)

    def entropy(self) -> Tensor:
        return self._log_det() + self.radial.entropy(self.event_shape[0])

    def _log_det(self) -> Tensor:
        return torch.diagonal(self.scale_tril, dim1=-2, dim2=-1).log().sum(-1)

    def _squared_length(self, off: Tensor) -> Tensor:
        """||L^-1 off||^2: (..., *batch, D) -> (..., *batch)."""
        lead = off.ndim - 1 - len(self.batch_shape)
        # Counted and not left to -1, which has no answer where an axis is empty.
        draws = Size([off.shape[:lead].numel()])
        # Draws as right-hand sides of one system a row, so that no factor is copied for each draw.
        columns = off.reshape(draws + self.batch_shape + self.event_shape).movedim(0, -1)
        standard = torch.linalg.solve_triangular(self.scale_tril, columns, upper=False)
        return standard.square().sum(-2).movedim(-1, 0).reshape(off.shape[:lead] + self.batch_shape)


def elliptical_normal(loc: Tensor, scale_tril: Tensor, validate_args: bool | None = None) -> Elliptical:
    """The normal, as an elliptical."""
    return Elliptical(loc, scale_tril, NormalRadius(), validate_args)


def elliptical_student_t(
    loc: Tensor, scale_tril: Tensor, df: Tensor | float, validate_args: bool | None = None
) -> Elliptical:
    """The multivariate t with ``df`` degrees of freedom (*batch)."""
    return Elliptical(loc, scale_tril, StudentTRadius(df), validate_args)


def elliptical_laplace(loc: Tensor, scale_tril: Tensor, validate_args: bool | None = None) -> Elliptical:
    """Density proportional to exp(-||L^-1 (z - loc)||)."""
    return Elliptical(loc, scale_tril, LaplaceRadius(), validate_args)


_SOURCE = "Fang, Kotz & Ng (1990), Symmetric Multivariate and Related Distributions, ch. 2"
_TYPICAL = {
    "loc": [[0.5, -1.0], [0.0, 0.3]],
    "scale_tril": [[[0.8, 0.0], [0.5, 0.6]], [[1.2, 0.0], [-0.7, 0.9]]],
}
_EXTREME = {
    "loc": [[-1e4, 1e4], [0.0, 0.0], [1e4, 0.0]],
    "scale_tril": [[[1e-4, 0.0], [1e-4, 1e-4]], [[1e4, 0.0], [-1e4, 1e-4]], [[1e-4, 0.0], [1e4, 1e4]]],
}
_INVALID = {"scale_tril": [[[0.8, 0.3], [0.5, 0.6]], [[1.2, 0.0], [-0.7, -0.9]]]}

ELLIPTICAL_NORMAL = Entry(
    elliptical_normal,
    How.LOCATION_SCALE,
    "loc + L · e, e ~ N(0, I); density with g(r^2) proportional to exp(-r^2 / 2)",
    _SOURCE,
    typical=_TYPICAL,
    extreme=_EXTREME,
    invalid=_INVALID,
)
ELLIPTICAL_STUDENT_T = Entry(
    elliptical_student_t,
    How.COMPOSITION,
    "loc + L · e · sqrt(df / 2 / gamma(df / 2)), e ~ N(0, I); g(r^2) proportional to (1 + r^2 / df)^-((df + D) / 2)",
    _SOURCE,
    typical=_TYPICAL | {"df": [6.0, 9.0]},
    extreme=_EXTREME | {"df": [1e6, 0.5, 3.0]},
    invalid=_INVALID | {"df": [-1.0, 9.0]},
)
ELLIPTICAL_LAPLACE = Entry(
    elliptical_laplace,
    How.COMPOSITION,
    "loc + L · e · sqrt(2 gamma((D + 1) / 2)), e ~ N(0, I); g(r^2) proportional to exp(-r)",
    _SOURCE,
    typical=_TYPICAL,
    extreme=_EXTREME,
    invalid=_INVALID,
)
