"""How far an elliptical distribution's draws lie from its center: the radius and the density generator of its standard case.

Fang, Kotz & Ng (1990), Symmetric Multivariate and Related Distributions, chapters 2 and 3.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import copy
from typing import ClassVar, Self

import torch
from torch import Size, Tensor
from torch.distributions import Gamma, constraints
from torch.distributions.constraints import Constraint
from torch.types import _size

LOG_2PI = math.log(2 * math.pi)
# From here on differences of log-gammas come from Stirling's series, whose first term left out is then below 1e-12.
STIRLING_FROM = 16.0


class Radial(ABC):
    """The spherical law with density g(||y||^2) in D dimensions, as what multiplies a standard normal vector.

    Args:
        parameters: tensors, or numbers, by the names in ``arg_constraints``; one of each a batch row.
    """

    arg_constraints: ClassVar[Mapping[str, Constraint]] = {}

    def __init__(self, **parameters: Tensor | float) -> None:
        for name, p in parameters.items():
            setattr(self, name, p)

    @property
    def parameters(self) -> dict[str, Tensor | float]:
        """The parameters by name, as they came or, after ``expand``, each with the whole batch shape."""
        return {name: self.__dict__[name] for name in self.arg_constraints}

    @property
    def batch_shape(self) -> Size:
        """What the parameters have in common; raises RuntimeError where they do not broadcast."""
        return torch.broadcast_shapes((), *(p.shape for p in self.parameters.values() if isinstance(p, Tensor)))

    def expand(self, batch_shape: _size, like: Tensor) -> Self:
        """The same law for each row of a wider batch; numbers become tensors of ``like``'s dtype and device."""
        new = copy(self)
        for name, p in self.parameters.items():
            number = p if isinstance(p, Tensor) else torch.full((), p, dtype=like.dtype, device=like.device)
            setattr(new, name, number.expand(batch_shape))
        return new

    @abstractmethod
    def spread(self, normal: Tensor) -> Tensor:
        """Standard normal vectors (..., *batch, D) -> draws of the law, each along its own vector."""

    @abstractmethod
    def log_generator(self, squared: Tensor, dim: int) -> Tensor:
        """log g(r^2) in nats, normalized in ``dim`` dimensions: (..., *batch) -> the same."""

    @abstractmethod
    def covariance_factor(self, dim: int) -> Tensor | float:
        """Variance of each coordinate of the standard case; NaN where not even its mean exists."""

    @abstractmethod
    def entropy(self, dim: int) -> Tensor | float:
        """Entropy of the standard case, nats."""


class NormalRadius(Radial):
    """r^2 ~ chi^2(D): the standard normal itself."""

    def spread(self, normal: Tensor) -> Tensor:
        return normal

    def log_generator(self, squared: Tensor, dim: int) -> Tensor:
        return -0.5 * (squared + dim * LOG_2PI)

    def covariance_factor(self, dim: int) -> float:
        return 1.0

    def entropy(self, dim: int) -> float:
        return 0.5 * dim * (1 + LOG_2PI)


class StudentTRadius(Radial):
    """r^2 / D ~ F(D, df): the multivariate t.

    Args:
        df: degrees of freedom, positive; its draws carry a gradient in it.
    """

    arg_constraints = {"df": constraints.positive}
    df: Tensor

    def __init__(self, df: Tensor | float) -> None:
        super().__init__(df=df)

    def spread(self, normal: Tensor) -> Tensor:
        half = (self.df / 2).expand(normal.shape[:-1])
        return normal * (half / _gamma(half).rsample()).sqrt().unsqueeze(-1)

    def log_generator(self, squared: Tensor, dim: int) -> Tensor:
        return self._log_top(dim) - 0.5 * (self.df + dim) * torch.log1p(squared / self.df)

    def covariance_factor(self, dim: int) -> Tensor:
        finite = torch.where(self.df > 2, self.df, 3.0)
        factor = torch.where(self.df > 2, finite / (finite - 2), torch.inf)
        return torch.where(self.df > 1, factor, torch.nan)

    def entropy(self, dim: int) -> Tensor:
        return 0.5 * (self.df + dim) * _digamma_step(self.df / 2, dim / 2) - self._log_top(dim)

    def _log_top(self, dim: int) -> Tensor:
        """log g(0)."""
        return _log_gamma_step(self.df / 2, dim / 2) - 0.5 * dim * LOG_2PI


class LaplaceRadius(Radial):
    """r ~ Gamma(D, 1): the density falls as exp(-r), a Laplace in one dimension.

    Kotz, Kozubowski & Podgorski (2001), The Laplace Distribution and Generalizations, call another law the multivariate
    Laplace, a normal with an exponential variance; this one is Fang, Kotz & Ng's Kotz type, with N = 1 and s = 1/2.
    """

    def spread(self, normal: Tensor) -> Tensor:
        # The length of the normal vector times this is Gamma(D, 1), by Legendre's duplication formula for its moments.
        half = torch.full_like(normal[..., 0], 0.5 * (normal.shape[-1] + 1))
        return normal * (2 * _gamma(half).sample()).sqrt().unsqueeze(-1)

    def log_generator(self, squared: Tensor, dim: int) -> Tensor:
        # The square root's slope at zero is infinite; at the peak, where there is no slope, zero is as good as any.
        # Asked for by equality, so that NaN is no peak.
        peak = squared == 0
        return -torch.where(peak, 0.0, torch.where(peak, 1.0, squared).sqrt()) - self._log_volume(dim)

    def covariance_factor(self, dim: int) -> float:
        return dim + 1.0

    def entropy(self, dim: int) -> float:
        return dim + self._log_volume(dim)

    @staticmethod
    def _log_volume(dim: int) -> float:
        return math.log(2) + 0.5 * dim * math.log(math.pi) - math.lgamma(0.5 * dim) + math.lgamma(dim)


def _gamma(shape: Tensor) -> Gamma:
    return Gamma(shape, torch.ones_like(shape), validate_args=False)


def _log_gamma_step(a: Tensor, b: float) -> Tensor:
    """log Gamma(a + b) - log Gamma(a) - b log(a), without the cancellation that a large ``a`` brings."""
    big, small = a.clamp_min(STIRLING_FROM), a.clamp_max(STIRLING_FROM)
    series = (big + b - 0.5) * torch.log1p(b / big) - b + _stirling_rest(big + b) - _stirling_rest(big)
    closed = torch.lgamma(small + b) - torch.lgamma(small) - b * small.log()
    return torch.where(a > STIRLING_FROM, series, closed)


def _stirling_rest(x: Tensor) -> Tensor:
    return (1 / 12 - (1 / 360 - 1 / (1260 * x.square())) / x.square()) / x


def _digamma_step(a: Tensor, b: float) -> Tensor:
    """digamma(a + b) - digamma(a), as accurate."""
    big, small = a.clamp_min(STIRLING_FROM), a.clamp_max(STIRLING_FROM)
    series = torch.log1p(b / big) + _digamma_rest(big + b) - _digamma_rest(big)
    return torch.where(a > STIRLING_FROM, series, torch.digamma(small + b) - torch.digamma(small))


def _digamma_rest(x: Tensor) -> Tensor:
    inverse = 1 / x.square()
    return -0.5 / x - inverse * (1 / 12 - inverse * (1 / 120 - inverse / 252))
