"""Noisy linear observations of a linear Gaussian chain: their law, and the chain's given them.

Kalman (1960), A New Approach to Linear Filtering and Prediction Problems; Frühwirth-Schnatter (1994), Data Augmentation and
Dynamic Linear Models, for draws of whole paths; Särkkä (2013), Bayesian Filtering and Smoothing.
"""

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Size, Tensor
from torch.distributions import Independent, MultivariateNormal, constraints
from torch.types import _size

from latentia.core.errors import ShapeError
from latentia.distributions.entry import Entry, How
from latentia.distributions.parametric import Parametric
from latentia.distributions.structured import kalman
from latentia.distributions.structured.linear_gaussian_chain import LINEAR_GAUSSIAN_CHAIN, LinearGaussianChain, matvec


@dataclass(frozen=True, eq=False)
class LinearEmission:
    """x_t = C_t z_t + d_t + R_t e_t with e_t ~ N(0, I): what is seen of a path.

    Args:
        weight: C (*batch, P, D), or (*batch, T, P, D) where it varies in time.
        noise_scale_tril: R (*batch, P, P), or (*batch, T, P, P); lower triangular with a positive diagonal.
        offset: d (*batch, P), or (*batch, T, P); zero where None.
        time_varying: whether they have that axis of T places; an axis of one place stands for all of them.

    Raises:
        ShapeError: the three do not fit each other.
    """

    weight: Tensor
    noise_scale_tril: Tensor
    offset: Tensor | None = None
    time_varying: bool = False

    def __post_init__(self) -> None:
        shapes = [tuple(self.weight.shape), tuple(self.noise_scale_tril.shape)]
        shapes += [] if self.offset is None else [tuple(self.offset.shape)]
        lacks = [len(shape) < own + self.time_varying for shape, own in zip(shapes, (2, 2, 1), strict=False)]
        p, d = shapes[0][-2:] if not any(lacks) else (0, 0)
        if p == 0 or d == 0 or shapes[1][-2:] != (p, p) or shapes[-1][-1] != p:
            raise ShapeError(
                f"LinearEmission: weight, noise_scale_tril and offset have shapes {shapes}; give (..., P, D), (..., P, P) "
                "and (..., P), each with an axis of T before P where time_varying."
            )

    def in_time(self) -> tuple[Tensor, Tensor, Tensor]:
        """C, R and d, each with an axis of T places or of one."""
        offset = self.weight.new_zeros(1, self.weight.shape[-2])
        if self.time_varying:
            return self.weight, self.noise_scale_tril, offset if self.offset is None else self.offset
        offset = offset if self.offset is None else self.offset.unsqueeze(-2)
        return self.weight.unsqueeze(-3), self.noise_scale_tril.unsqueeze(-3), offset

    def distribution(self, z: Tensor) -> Independent:
        """x given the path: z (..., T, D) -> batch (...), event (T, P).

        Raises:
            ShapeError: z is of another size or length.
        """
        weight, tril, offset = self.in_time()
        try:
            loc = matvec(weight, z) + offset
        except RuntimeError:
            raise ShapeError(
                f"LinearEmission: a path of shape {tuple(z.shape)} does not fit a weight {tuple(self.weight.shape)}; give "
                "(..., T, D)."
            ) from None
        return Independent(MultivariateNormal(loc, scale_tril=tril), 1)


class LinearGaussianObservations(Parametric):
    """The law of x (T, P) where x_t = C_t z_t + d_t + R_t e_t and z is a linear Gaussian chain; and that of z, given x.

    A mask is True where x was observed: (..., T) for whole places, with one axis less than x, or (..., T, P) for single
    values, with as many as x. What stands in a masked place, NaN included, does not count. x and a mask may have axes before
    the batch's; covariances are worked out once for all those of x that the mask does not have, or has one of.

    Args:
        chain: the law of the path.
        emission: of what is seen of it.

    Raises:
        ShapeError: chain and emission, or x and mask, do not fit each other.
        SupportError: the noise has no lower triangular scale; x is not finite where it was observed.
    """

    arg_constraints = {}
    support = constraints.independent(constraints.real, 2)
    has_rsample = True

    def __init__(self, chain: LinearGaussianChain, emission: LinearEmission, validate_args: bool | None = None) -> None:
        length, d = chain.event_shape
        weight, tril, offset = emission.in_time()
        batches = chain.batch_shape, weight.shape[:-3], tril.shape[:-3], offset.shape[:-2]
        places = weight.shape[-3], tril.shape[-3], offset.shape[-2]
        try:
            batch = torch.broadcast_shapes(*batches)
            fits = weight.shape[-1] == d and all(n in (1, length) for n in places)
        except RuntimeError:
            batch, fits = (), False
        if not fits:
            raise ShapeError(
                f"LinearGaussianObservations: a chain of (T, D) = ({length}, {d}), an emission from D = {weight.shape[-1]} "
                f"at {places} places (1 stands for all), batch axes {[tuple(b) for b in batches]} of chain, weight, "
                "noise_scale_tril and offset; give one D, one T and one batch shape."
            )
        self.chain, self.emission = chain.expand(batch), emission
        self._set({}, Size(batch), Size((length, weight.shape[-2])), validate_args)
        if self._validate_args:
            good = constraints.lower_cholesky.check(tril)
            self._require("the emission's noise_scale_tril", good, repr(constraints.lower_cholesky))

    def expand(self, batch_shape: _size, _instance: Any = None) -> Self:
        new = super().expand(batch_shape, _instance)
        new.chain = self.chain.expand(batch_shape)
        return new

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        return self._draw(sample_shape)[1]

    def sample_joint(self, sample_shape: _size = ()) -> tuple[Tensor, Tensor]:
        """Paths and what is seen of them: z (*sample_shape, *batch, T, D), x (*sample_shape, *batch, T, P)."""
        with torch.no_grad():
            return self._draw(sample_shape)

    def _draw(self, sample_shape: _size) -> tuple[Tensor, Tensor]:
        z = self.chain.rsample(sample_shape)
        return z, self.emission.distribution(z).rsample()

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats: value (..., T, P) -> (...)."""
        if self._validate_args:
            self._validate_sample(value)
        return self.log_marginal(value)

    @property
    def mean(self) -> Tensor:
        """(*batch, T, P)."""
        weight, _, offset = self.emission.in_time()
        return matvec(weight, self.chain.mean) + offset

    @property
    def mode(self) -> Tensor:
        return self.mean

    @property
    def covariance(self) -> Tensor:
        """Of each x_t with itself, (*batch, T, P, P)."""
        weight, tril, _ = self.emission.in_time()
        return weight @ self.chain.covariance @ weight.mT + tril @ tril.mT

    @property
    def variance(self) -> Tensor:
        """(*batch, T, P)."""
        return self.covariance.diagonal(dim1=-2, dim2=-1)

    def entropy(self) -> Tensor:
        return self.event_shape.numel() / 2 - self.log_marginal(self.mean)

    def log_marginal(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """log p of what was observed, in nats: x (..., T, P) -> (...)."""
        return kalman.run_filter(self.chain, self._see(x, mask)).log_marginal

    def filter(self, x: Tensor, mask: Tensor | None = None) -> kalman.Filtered:
        """Each state given the observations up to it: x (..., T, P)."""
        return kalman.filtered(kalman.run_filter(self.chain, self._see(x, mask)))

    def posterior(self, x: Tensor, mask: Tensor | None = None) -> LinearGaussianChain:
        """The path given all observations: x (..., T, P) -> batch (...), event (T, D).

        Its draws are exact draws of whole paths. It may be differentiated once, ``filter`` and ``log_marginal`` twice.
        """
        return kalman.posterior(self.chain, self._see(x, mask), self._validate_args)

    def smooth(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Each state given all observations: x (..., T, P) -> mean (..., T, D), covariance (..., T, D, D)."""
        posterior = self.posterior(x, mask)
        return posterior.mean, posterior.covariance

    def _see(self, x: Tensor, mask: Tensor | None) -> kalman.Seen:
        seen = self._as_wide_as(x, mask)
        if self._validate_args:
            good = x.isfinite() if seen is None else x.isfinite() | ~seen
            self._require("x", good, "finiteness where it was observed (give a mask for what was not)")
        weight, tril, offset = self.emission.in_time()
        if seen is None:
            batch, count, rest = self.batch_shape, self.event_shape.numel(), x - offset
        else:
            batch, keep = torch.broadcast_shapes(self.batch_shape, seen.shape[:-2]), seen.to(tril.dtype)
            count = keep.sum((-2, -1))
            rest = torch.where(seen, x - offset, 0)
            weight = keep.unsqueeze(-1) * weight
            noise, unit = torch.broadcast_tensors(keep.unsqueeze(-1) * tril, torch.diag_embed(1 - keep))
            tril, _ = kalman.lower_factor(torch.cat([noise, unit], -1))
        every = (*batch, *self.event_shape, -1)
        return kalman.Seen(weight.expand(every), tril.expand(every), rest, count)

    def _as_wide_as(self, x: Tensor, mask: Tensor | None) -> Tensor | None:
        """The mask of single values, (..., T, P), where x and it fit."""
        seen = None
        try:
            fits = x.shape[-2:] == self.event_shape
            torch.broadcast_shapes(x.shape, self.batch_shape + self.event_shape)
            if mask is not None:
                seen = mask.bool().unsqueeze(-1) if mask.ndim == x.ndim - 1 else mask.bool()
                fits = fits and seen.ndim == x.ndim
                seen = seen.expand(*seen.shape[:-2], *self.event_shape)
                torch.broadcast_shapes(seen.shape, x.shape, self.batch_shape + self.event_shape)
        except RuntimeError:
            fits = False
        if not fits:
            raise ShapeError(
                f"LinearGaussianObservations: x {tuple(x.shape)}, mask {None if mask is None else tuple(mask.shape)}; "
                f"wanted x (..., {self.event_shape[0]}, {self.event_shape[1]}) over batch {tuple(self.batch_shape)}, and a "
                "mask with x's axes or all but the last."
            )
        return seen


def _from_parameters(
    weight: Tensor, emission_scale_tril: Tensor, validate_args: bool | None = None, **chain: Any
) -> LinearGaussianObservations:
    emission = LinearEmission(weight, emission_scale_tril)
    return LinearGaussianObservations(LinearGaussianChain(**chain, validate_args=validate_args), emission, validate_args)


LINEAR_GAUSSIAN_OBSERVATIONS = Entry(
    _from_parameters,
    How.LOCATION_SCALE,
    "x_t = C_t z_t + d_t + R_t e_t, z a linear Gaussian chain, e ~ N(0, I)",
    "Kalman (1960), A New Approach to Linear Filtering and Prediction Problems; "
    "Särkkä (2013), Bayesian Filtering and Smoothing, ch. 4",
    typical={**LINEAR_GAUSSIAN_CHAIN.typical, "weight": [[[1.5]], [[-0.8]]], "emission_scale_tril": [[[0.6]], [[0.4]]]},
    extreme={
        **LINEAR_GAUSSIAN_CHAIN.extreme,
        "weight": [[[1.0]], [[1e2]], [[-1.0]]],
        "emission_scale_tril": [[[1e-4]], [[1.0]], [[1e-4]]],
    },
    invalid=LINEAR_GAUSSIAN_CHAIN.invalid,
)
