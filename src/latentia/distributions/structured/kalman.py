"""A linear Gaussian chain given noisy linear observations of it: the filter, and the posterior as a chain of the same kind.

Kalman (1960), A New Approach to Linear Filtering and Prediction Problems, in the square-root form of Kailath, Sayed and
Hassibi (2000), Linear Estimation, chapter 12; Rauch, Tung & Striebel (1965), Maximum Likelihood Estimates of Linear Dynamic
Systems, for the smoothed means; Paige & Saunders (1977), Least Squares Estimation of Discrete Linear Dynamic Systems Using
Orthogonal Transformations, for the posterior's steps. Triangles are made by QR, never by a Cholesky factorization of a
square, because float32 holds a noise of 1e-4 beside a state of 1, but not the squares of the two.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from latentia.distributions.structured.linear_gaussian_chain import LinearGaussianChain, log_diagonal, matvec, whiten


class Filtered(NamedTuple):
    """Each state given the observations up to it, and the density of them all.

    Args:
        loc: E[z_t | x_1..t], (*batch, T, D).
        covariance: Cov[z_t | x_1..t], (*batch, T, D, D).
        log_marginal: log p of what was observed, (*batch) nats.
    """

    loc: Tensor
    covariance: Tensor
    log_marginal: Tensor


@dataclass(frozen=True)
class Seen:
    """x_t - offset = weight z_t + N(0, tril tril') at every place; a masked value has no weight and the noise of a unit.

    Args:
        weight: (*batch, T, P, D).
        tril: (*batch, T, P, P), lower triangular.
        rest: x - offset, zero where masked, (..., T, P); its leading axes broadcast with the batch's.
        count: of the values observed, broadcasts with the batch.
    """

    weight: Tensor
    tril: Tensor
    rest: Tensor
    count: Tensor | int


@dataclass(frozen=True)
class Run:
    """What the filter leaves: at each place the state's mean and square root, and of each step what goes back over it.

    E[z_t | all] is loc + back @ tril^-1 (E[z_(t+1) | all] - center), where ``ahead`` is (center, tril).
    """

    loc: list[Tensor]
    tril: list[Tensor]
    back: list[Tensor]
    ahead: list[tuple[Tensor, Tensor]]
    log_marginal: Tensor


def run_filter(chain: LinearGaussianChain, seen: Seen) -> Run:
    """The filter by arrays: a state's square root beside the noise's, turned until the whole is triangular."""
    p, batch = seen.weight.shape[-2], seen.weight.shape[:-3]
    chain = chain.expand(batch)
    steps = list(zip(chain.transition.unbind(-3), chain.noise_scale_tril.unbind(-3), chain.offset.unbind(-2), strict=True))
    center, tril = chain.initial_loc, chain.initial_scale_tril
    nothing = tril.new_zeros(*tril.shape[:-1], p)
    locs, trils, backs, aheads, whites, logs = [], [], [], [], [], []
    places = zip(seen.weight.unbind(-3), seen.tril.unbind(-3), seen.rest.unbind(-2), strict=True)
    for t, (weight, noise, rest) in enumerate(places):
        array = torch.cat([torch.cat([weight @ tril, noise], -1), torch.cat([tril, nothing], -1)], -2)
        lower, _ = lower_factor(array)
        whites.append(whiten(lower[..., :p, :p], rest - matvec(weight, center)))
        logs.append(log_diagonal(lower[..., :p, :p]))
        locs.append(center + matvec(lower[..., p:, :p], whites[-1]))
        trils.append(lower[..., p:, p:])
        if t < len(steps):
            matrix, push, offset = steps[t]
            tril, turn = lower_factor(torch.cat([matrix @ trils[-1], push], -1))
            center = matvec(matrix, locs[-1]) + offset
            backs.append(trils[-1] @ turn[..., : tril.shape[-1]].mT)
            aheads.append((center, tril))
    squares = torch.stack(whites, -2).square().sum((-2, -1))
    log_marginal = -0.5 * (squares + seen.count * math.log(2 * math.pi)) - torch.stack(logs, -1).sum(-1)
    return Run(locs, trils, backs, aheads, log_marginal)


def filtered(run: Run) -> Filtered:
    loc, tril = torch.stack(run.loc, -2), torch.stack(run.tril, -3)
    return Filtered(loc, (tril @ tril.mT).expand(*loc.shape, -1), run.log_marginal)


def smoothed_mean(run: Run) -> Tensor:
    """E[z_t | all observations], (*batch, T, D)."""
    path = [run.loc[-1]]
    for loc, back, (center, tril) in zip(run.loc[-2::-1], run.back[::-1], run.ahead[::-1], strict=True):
        path.append(loc + matvec(back, whiten(tril, path[-1] - center)))
    return torch.stack(path[::-1], -2)


def posterior(chain: LinearGaussianChain, seen: Seen, validate_args: bool | None = None) -> LinearGaussianChain:
    """The path given all observations; once differentiable."""
    mean = smoothed_mean(run_filter(chain, seen))
    first, transition, noise = steps_given_later(chain, seen)
    offset = mean[..., 1:, :] - matvec(transition, mean[..., :-1, :])
    return LinearGaussianChain(mean[..., 0, :], first, transition, noise, offset, validate_args=validate_args)


def steps_given_later(chain: LinearGaussianChain, seen: Seen) -> tuple[Tensor, Tensor, Tensor]:
    """The posterior's L_1, A and L, from the last place to the first.

    Let -|S z_t - s|^2 / 2 be what the observations from t on say of z_t. With z_t = A z_(t-1) + b + L e that is a system
    [S L, S A] (e, z_(t-1)) = s - S b beside e = 0. Elimination of e says how z_t follows z_(t-1), and what it leaves over,
    beside what x_(t-1) says, is the next S. No state's covariance is inverted, so a vague first state costs no digits.

    Returns:
        (*batch, D, D), (*batch, T - 1, D, D), (*batch, T - 1, D, D).
    """
    chain = chain.expand(seen.weight.shape[:-3])
    d = chain.event_shape[1]
    says = torch.linalg.solve_triangular(seen.tril, seen.weight, upper=False).unbind(-3)
    unit = torch.eye(d, dtype=says[0].dtype, device=says[0].device).expand(*chain.batch_shape, d, d)
    nothing, no_unit = torch.zeros_like(says[0]), torch.zeros_like(unit)
    transitions, noises, info = [], [], says[-1]
    steps = zip(chain.transition.unbind(-3), chain.noise_scale_tril.unbind(-3), says[:-1], strict=True)
    for matrix, tril, before in reversed(list(steps)):
        # The columns of e backwards, so that the factor is the one that leaves a lower triangular scale.
        e = torch.cat([info @ tril, nothing, unit], -2).flip(-1)
        z = torch.cat([info @ matrix, before, no_unit], -2)
        r11, r12, info = eliminate(torch.cat([e, z], -1), d)
        noises.append(_over(tril, r11))
        transitions.append(matrix - noises[-1] @ r12.flip(-2))
    r11, _, _ = eliminate(torch.cat([info @ chain.initial_scale_tril, unit], -2).flip(-1), d)
    first = _over(chain.initial_scale_tril, r11)
    if not noises:
        return first, chain.transition, chain.noise_scale_tril
    return first, torch.stack(transitions[::-1], -3), torch.stack(noises[::-1], -3)


def _over(tril: Tensor, r11: Tensor) -> Tensor:
    """L B^-1 for the lower triangular B that is ``r11`` with rows and columns backwards."""
    return torch.linalg.solve_triangular(r11.flip(-2, -1), tril, upper=False, left=False).tril()


def lower_factor(root: Tensor) -> tuple[Tensor, Tensor]:
    """The Cholesky factor L of M M', without that product, and the orthonormal rows Q in M = L Q.

    Args:
        root: M (..., N, K) of rank N, and so N <= K.

    Returns:
        L (..., N, N), Q (..., N, K).
    """
    q, r = torch.linalg.qr(root.mT)
    sign = _signs(r)
    return (r * sign.unsqueeze(-1)).mT, (q * sign.unsqueeze(-2)).mT


def eliminate(array: Tensor, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """The least-squares problem [M1, M2] (u, v) = 0 solved for u: R11 u + R12 v = 0, and R22 v = 0 is left for v.

    Once differentiable, for any use of R11 and R12 but only for functions of R22' R22. That may be singular, as where little
    was observed; there a QR has no gradient, but a function of R22' R22 has, because it does not feel R22 turn.

    Args:
        array: [M1, M2] (..., R, N + K), M1 of rank N.
        n: N, the number of columns of M1.

    Returns:
        R11 (..., N, N) upper triangular with a positive diagonal, R12 (..., N, K), R22 (..., min(R, N + K) - N, K).
    """
    r11, r12, r22 = _Eliminate.apply(array, n)
    return r11, r12, r22


def _signs(r: Tensor) -> Tensor:
    diagonal = r.diagonal(dim1=-2, dim2=-1)
    return torch.ones_like(diagonal).copysign(diagonal)


class _Eliminate(torch.autograd.Function):
    """``eliminate``; the gradient through Q1 and R11 is that of Walter & Lehmann (2012) for a QR of full rank.

    Algorithmic Differentiation of Linear Algebra Functions with Application in Optimum Experimental Design.
    """

    @staticmethod
    def forward(ctx: Any, array: Tensor, n: int) -> tuple[Tensor, Tensor, Tensor]:
        q, r = torch.linalg.qr(array)
        sign = _signs(r[..., :n, :n])
        q1, q2 = q[..., :n] * sign.unsqueeze(-2), q[..., n:]
        top, r22 = r[..., :n, :] * sign.unsqueeze(-1), r[..., n:, n:]
        ctx.save_for_backward(q1, q2, top[..., :n], top[..., n:], r22)
        return top[..., :n], top[..., n:], r22

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  the decorator is typed to hide the name of ctx
        ctx: Any, g11: Tensor, g12: Tensor, g22: Tensor
    ) -> tuple[Tensor, None]:
        q1, q2, r11, r12, r22 = ctx.saved_tensors
        # R22' R22 is that of M2 - Q1 R12 = Q2 R22, in which R12 = Q1' M2.
        left = q2 @ g22
        to_q1 = (q1 @ r12 + q2 @ r22) @ g12.mT - left @ r12.mT
        skew = r11 @ g11.mT - to_q1.mT @ q1
        to_m1 = to_q1 + q1 @ (skew.tril() + skew.tril(-1).mT)
        to_m1 = torch.linalg.solve_triangular(r11.mT, to_m1, upper=False, left=False)
        return torch.cat([to_m1, left + q1 @ g12], -1), None
