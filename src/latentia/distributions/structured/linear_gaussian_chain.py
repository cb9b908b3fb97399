"""A Markov chain of vectors with linear Gaussian steps, one draw of which is a whole path.

Kalman (1960), A New Approach to Linear Filtering and Prediction Problems; Särkkä (2013), Bayesian Filtering and Smoothing,
chapter 4. What such a chain is, given noisy linear observations of it, stands in ``kalman``.
"""

import math

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, constraints
from torch.nn import functional as F
from torch.types import _size

from latentia.core.errors import ShapeError
from latentia.distributions.entry import Entry, How
from latentia.distributions.kl.table import divergence
from latentia.distributions.parametric import Parametric


def matvec(matrix: Tensor, vector: Tensor) -> Tensor:
    """(..., M, N) times (..., N) -> (..., M); leading axes that only the vector has cost no copies of the matrix."""
    return torch.einsum("...ij,...j->...i", matrix, vector)


def whiten(tril: Tensor, vector: Tensor) -> Tensor:
    """L^-1 v: (..., N, N), (..., N) -> (..., N); leading axes that only the vector has become columns of one solve."""
    extra = vector.ndim + 1 - tril.ndim
    if extra <= 0:
        return torch.linalg.solve_triangular(tril, vector.unsqueeze(-1), upper=False).squeeze(-1)
    columns = vector.flatten(0, extra - 1).movedim(0, -1)
    white = torch.linalg.solve_triangular(tril, columns, upper=False).movedim(-1, 0)
    return white.unflatten(0, vector.shape[:extra])


def log_diagonal(tril: Tensor) -> Tensor:
    """Half the log determinant of L L': (..., N, N) -> (...)."""
    return tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)


class _EveryStep(constraints.Constraint):
    """A constraint at every place of one more leading axis, which may be empty."""

    def __init__(self, base: constraints.Constraint) -> None:
        self.base = base
        super().__init__()

    @property
    def event_dim(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]  torch's own constraints do the same
        return self.base.event_dim + 1

    def check(self, value: Tensor) -> Tensor:
        if value.shape[-self.event_dim] == 0:  # torch's checks reshape, which an empty axis does not allow
            return torch.ones(value.shape[: value.ndim - self.event_dim], dtype=torch.bool, device=value.device)
        return self.base.check(value).all(-1)

    def __repr__(self) -> str:
        return f"{self.base!r} at every step"


class LinearGaussianChain(Parametric):
    """z_1 ~ N(m, L_1 L_1'), z_t = A_t z_(t-1) + b_t + L_t e_t with e_t ~ N(0, I): one event is the path (T, D).

    Where ``length`` is given, all steps are the same one, and ``transition``, ``noise_scale_tril`` and ``offset`` have no
    axis for it. Where it is not, they have an axis of T - 1 steps before their own; an axis of one step stands for all of
    them, so that what does not change is written ``A.unsqueeze(-3)``. A chain of T = 1 has an axis of no steps. As
    attributes all three have that axis, as a view where they were the same.

    Args:
        initial_loc: m (*batch, D).
        initial_scale_tril: L_1 (*batch, D, D), lower triangular with a positive diagonal.
        transition: A (*batch, T - 1, D, D), or (*batch, D, D) with ``length``.
        noise_scale_tril: L (*batch, T - 1, D, D), or (*batch, D, D) with ``length``; lower triangular, positive diagonal.
        offset: b (*batch, T - 1, D), or (*batch, D) with ``length``; zero where None.
        length: T, at least 1.

    Raises:
        ShapeError: the parameters do not fit each other.
    """

    arg_constraints = {
        "initial_loc": constraints.real_vector,
        "initial_scale_tril": constraints.lower_cholesky,
        "transition": _EveryStep(constraints.independent(constraints.real, 2)),
        "noise_scale_tril": _EveryStep(constraints.lower_cholesky),
        "offset": _EveryStep(constraints.real_vector),
    }
    support = constraints.independent(constraints.real, 2)
    has_rsample = True
    initial_loc: Tensor
    initial_scale_tril: Tensor
    transition: Tensor
    noise_scale_tril: Tensor
    offset: Tensor

    def __init__(
        self,
        initial_loc: Tensor,
        initial_scale_tril: Tensor,
        transition: Tensor,
        noise_scale_tril: Tensor,
        offset: Tensor | None = None,
        length: int | None = None,
        validate_args: bool | None = None,
    ) -> None:
        d = initial_loc.shape[-1] if initial_loc.ndim else 0
        if length is not None:
            transition, noise_scale_tril = transition.unsqueeze(-3), noise_scale_tril.unsqueeze(-3)
            offset = None if offset is None else offset.unsqueeze(-2)
        offset = initial_loc.new_zeros(1, d) if offset is None else offset
        steps = _n_steps(d, initial_scale_tril, transition, noise_scale_tril, offset, length)
        super().__init__(
            (steps + 1, d),
            validate_args,
            initial_loc=initial_loc,
            initial_scale_tril=initial_scale_tril,
            transition=transition.expand(*transition.shape[:-3], steps, d, d),
            noise_scale_tril=noise_scale_tril.expand(*noise_scale_tril.shape[:-3], steps, d, d),
            offset=offset.expand(*offset.shape[:-2], steps, d),
        )

    @property
    def length(self) -> int:
        """T."""
        return self.event_shape[0]

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats: value (..., T, D) -> (...)."""
        if self._validate_args:
            self._validate_sample(value)
        first = whiten(self.initial_scale_tril, value[..., 0, :] - self.initial_loc)
        moved = value[..., 1:, :] - matvec(self.transition, value[..., :-1, :]) - self.offset
        squares = first.square().sum(-1) + whiten(self.noise_scale_tril, moved).square().sum((-2, -1))
        return -0.5 * (squares + self.event_shape.numel() * math.log(2 * math.pi)) - self._log_diagonal()

    def _log_diagonal(self) -> Tensor:
        return log_diagonal(self.initial_scale_tril) + log_diagonal(self.noise_scale_tril).sum(-1)

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        noise = torch.randn(self._draw_shape(sample_shape), dtype=self.initial_loc.dtype, device=self.initial_loc.device)
        path = [self.initial_loc + matvec(self.initial_scale_tril, noise[..., 0, :])]
        pushes = (matvec(self.noise_scale_tril, noise[..., 1:, :]) + self.offset).unbind(-2)
        for matrix, push in zip(self.transition.unbind(-3), pushes, strict=True):
            path.append(matvec(matrix, path[-1]) + push)
        return torch.stack(path, -2)

    @property
    def mean(self) -> Tensor:
        """(*batch, T, D)."""
        path = [self.initial_loc]
        for matrix, push in zip(self.transition.unbind(-3), self.offset.unbind(-2), strict=True):
            path.append(matvec(matrix, path[-1]) + push)
        return torch.stack(path, -2)

    @property
    def mode(self) -> Tensor:
        return self.mean

    @property
    def covariance(self) -> Tensor:
        """Of each z_t with itself, (*batch, T, D, D)."""
        squares = [self.initial_scale_tril @ self.initial_scale_tril.mT]
        noise = self.noise_scale_tril @ self.noise_scale_tril.mT
        for matrix, more in zip(self.transition.unbind(-3), noise.unbind(-3), strict=True):
            carried = matrix @ squares[-1] @ matrix.mT
            squares.append((carried + carried.mT) / 2 + more)
        return torch.stack(squares, -3)

    @property
    def cross_covariance(self) -> Tensor:
        """Of each z_t (rows) with z_(t+1) (columns), (*batch, T - 1, D, D)."""
        return self.covariance[..., :-1, :, :] @ self.transition.mT

    @property
    def variance(self) -> Tensor:
        """(*batch, T, D)."""
        return self.covariance.diagonal(dim1=-2, dim2=-1)

    def joint(self) -> MultivariateNormal:
        """The same law over the path as one vector (T * D,), step after step."""
        rows = [self.initial_scale_tril]
        for matrix, tril in zip(self.transition.unbind(-3), self.noise_scale_tril.unbind(-3), strict=True):
            rows.append(torch.cat([matrix @ rows[-1], tril], -1))
        size = self.event_shape.numel()
        tril = torch.cat([F.pad(row, (0, size - row.shape[-1])) for row in rows], -2)
        return MultivariateNormal(self.mean.flatten(-2), scale_tril=tril, validate_args=False)

    def entropy(self) -> Tensor:
        return self.event_shape.numel() * 0.5 * (1 + math.log(2 * math.pi)) + self._log_diagonal()


def _n_steps(
    d: int, initial_scale_tril: Tensor, transition: Tensor, noise_scale_tril: Tensor, offset: Tensor, length: int | None
) -> int:
    """T - 1, where the parameters, each with its axis of steps, agree about it and about D."""
    shapes = (
        f"initial_loc (..., {d}), initial_scale_tril {tuple(initial_scale_tril.shape)}, transition "
        f"{tuple(transition.shape)}, noise_scale_tril {tuple(noise_scale_tril.shape)}, offset {tuple(offset.shape)}"
    )
    if length is not None and length < 1:
        raise ShapeError(f"LinearGaussianChain: a chain has at least one place, not {length}; give length >= 1.")
    if min(transition.ndim, noise_scale_tril.ndim) < 3 or offset.ndim < 2:
        raise ShapeError(f"LinearGaussianChain: {shapes}: no axis of steps; give it, or length= for steps all the same.")
    squares = (initial_scale_tril, transition, noise_scale_tril)
    if d == 0 or any(tuple(s.shape[-2:]) != (d, d) for s in squares) or offset.shape[-1] != d:
        raise ShapeError(f"LinearGaussianChain: {shapes} do not have one D >= 1; give (D, D) matrices and (D,) vectors.")
    if length is not None:
        return length - 1
    counts = [transition.shape[-3], noise_scale_tril.shape[-3], offset.shape[-2]]
    try:
        return torch.broadcast_shapes(*((count,) for count in counts))[0]
    except RuntimeError:
        raise ShapeError(f"LinearGaussianChain: {shapes} have steps {counts}; give each T - 1 steps, or one.") from None


@divergence(LinearGaussianChain, LinearGaussianChain)
def _kl_chains(q: LinearGaussianChain, p: LinearGaussianChain) -> Tensor:
    """KL(q || p) in nats by the chain rule: that of z_1, and of each step on average over where q comes from."""
    turn = q.transition - p.transition
    first = _kl_normals(q.initial_loc - p.initial_loc, q.initial_scale_tril, p.initial_scale_tril)
    shift = matvec(turn, q.mean[..., :-1, :]) + q.offset - p.offset
    steps = _kl_normals(shift, q.noise_scale_tril, p.noise_scale_tril)
    white = torch.linalg.solve_triangular(p.noise_scale_tril, turn, upper=False)
    spread = ((white @ q.covariance[..., :-1, :, :]) * white).sum((-3, -2, -1))
    return first + steps.sum(-1) + 0.5 * spread


def _kl_normals(shift: Tensor, q: Tensor, p: Tensor) -> Tensor:
    """KL of N(shift, q q') from N(0, p p'): (..., D), (..., D, D), (..., D, D) -> (...)."""
    trace = torch.linalg.solve_triangular(p, q, upper=False).square().sum((-2, -1))
    return 0.5 * (trace + whiten(p, shift).square().sum(-1) - shift.shape[-1]) + log_diagonal(p) - log_diagonal(q)


LINEAR_GAUSSIAN_CHAIN = Entry(
    LinearGaussianChain,
    How.LOCATION_SCALE,
    "z_1 = m + L_1 e_1, z_t = A_t z_(t-1) + b_t + L_t e_t, e ~ N(0, I)",
    "Kalman (1960), A New Approach to Linear Filtering and Prediction Problems; "
    "Särkkä (2013), Bayesian Filtering and Smoothing, ch. 4",
    typical={
        "initial_loc": [[0.5], [-1.0]],
        "initial_scale_tril": [[[0.8]], [[1.2]]],
        "transition": [[[0.9]], [[-0.6]]],
        "noise_scale_tril": [[[0.5]], [[0.9]]],
        "offset": [[0.2], [-0.3]],
        "length": 2,
    },
    extreme={
        "initial_loc": [[-1e4], [0.0], [1e4]],
        "initial_scale_tril": [[[1e-4]], [[1e4]], [[1.0]]],
        "transition": [[[1.0]], [[-1e2]], [[0.0]]],
        "noise_scale_tril": [[[1e4]], [[1e-4]], [[1e-4]]],
        "offset": [[1e4], [0.0], [-1e4]],
        "length": 2,
    },
    invalid={
        "initial_scale_tril": [[[-0.8]], [[1.2]]],
        "transition": [[[math.nan]], [[-0.6]]],
        "noise_scale_tril": [[[0.5]], [[0.0]]],
        "offset": [[0.2], [math.nan]],
    },
)
