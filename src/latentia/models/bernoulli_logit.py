"""Bits with a linear logit: the latent trait model, whose evidence is an integral over few latents.

Bartholomew (1980), Factor Analysis for Categorical Data; Tipping (1998), Probabilistic Visualisation of High-dimensional
Binary Data. The quadrature: Naylor & Smith (1982), Applications of a Method for the Efficient Computation of Posterior
Distributions; Liu & Pierce (1994), A Note on Gauss-Hermite Quadrature.
"""

import math
from functools import cache
from typing import NamedTuple

import torch
from scipy.special import roots_hermitenorm
from torch import Size, Tensor, nn
from torch.distributions import Bernoulli, Distribution, Independent, Normal
from torch.nn import functional as F

from latentia.core.checks import check_shape, expand_mask
from latentia.core.errors import NoClosedForm, ShapeError
from latentia.distributions.independent_bits import IndependentBits
from latentia.models.base import GenerativeModel

MOST_LATENTS = 3
FIRST_NODES = 8
# Nodes of the whole grid, and logits alive at once (rows x nodes x values).
MOST_NODES, LOGITS_AT_ONCE = 2**20, 2**22
NEWTON_STEPS, HALVINGS = 200, 30


class Integral(NamedTuple):
    """What a grid says of each row: log p(x) (B,), and mean (B, D) and covariance (B, D, D) of p(z | x)."""

    log_marginal: Tensor
    mean: Tensor
    covariance: Tensor


class BernoulliLogit(GenerativeModel):
    """z ~ N(0, I), x_d | z ~ Bernoulli(sigmoid(w_d z + b_d)).

    p(z | x) has no closed form, but its logarithm is concave, and so up to three latents are integrated out by a
    Gauss-Hermite grid on each row's posterior: laid around the mode first, then around the mean and covariance that the last
    grid found, with twice the nodes each time until log p(x) stands still.

    Args:
        n_latents: D, the length of z.
        n_values: V, the bits of x.

    Raises:
        ShapeError: a number below 1.
    """

    zero: Tensor

    def __init__(self, n_latents: int, n_values: int) -> None:
        super().__init__()
        if n_latents < 1 or n_values < 1:
            raise ShapeError(f"BernoulliLogit got {n_latents} latents for {n_values} values, wanted at least 1 of each.")
        self.n_latents, self.n_values = n_latents, n_values
        self.weight = nn.Parameter(torch.randn(n_values, n_latents) / math.sqrt(n_latents))
        self.bias = nn.Parameter(torch.zeros(n_values))
        self.register_buffer("zero", torch.zeros(n_latents), persistent=False)
        self.x_shape, self.z_shape = Size((n_values,)), Size((n_latents,))

    def prior(self, given: Tensor | None = None) -> Distribution:
        return Independent(Normal(self.zero, torch.ones_like(self.zero), validate_args=False), 1, validate_args=False)

    def likelihood(self, z: Tensor, given: Tensor | None = None) -> Distribution:
        logits = z @ self.weight.T + self.bias
        return IndependentBits(Bernoulli(logits=logits, validate_args=False), 1, validate_args=False)

    def start_at(self, x: Tensor) -> None:
        """Begin with each bit as often on as in the data, held off 0 and 1 where it never changes."""
        with torch.no_grad():
            self.bias.copy_(torch.logit(x.mean(0).clamp(5e-3, 1 - 5e-3)))

    def log_marginal(self, x: Tensor, mask: Tensor | None = None, tolerance: float = 1e-6) -> Tensor:
        """log p(x), z integrated out: (B, V) -> (B,) nats. Its gradient for the parameters is that of the last grid.

        Args:
            x: the bits.
            mask: (B, V) True where x was observed; the others are summed out.
            tolerance: nats; the grid is refined until it moves no row by more. The last grid's error is far smaller, about
                the square of that.

        Raises:
            NoClosedForm: more than three latents, or a grid of a million nodes still moves.
            ShapeError: x or the mask does not fit.
        """
        return self._integrate(x, mask, tolerance).log_marginal.to(self.weight.dtype)

    def posterior_moments(self, x: Tensor, mask: Tensor | None = None, tolerance: float = 1e-6) -> tuple[Tensor, Tensor]:
        """Mean (B, D) and covariance (B, D, D) of p(z | x); arguments and errors as of ``log_marginal``."""
        found = self._integrate(x, mask, tolerance)
        return found.mean.to(self.weight.dtype), found.covariance.to(self.weight.dtype)

    def _integrate(self, x: Tensor, mask: Tensor | None, tolerance: float) -> Integral:
        if self.n_latents > MOST_LATENTS:
            raise NoClosedForm(
                f"BernoulliLogit integrates at most {MOST_LATENTS} latents by a grid, this one has {self.n_latents}; "
                "use annealed importance sampling or the importance-weighted estimate."
            )
        check_shape("x", x.shape[1:], self.x_shape, cure="give rows of so many bits.")
        seen = torch.ones_like(x, dtype=torch.bool) if mask is None else expand_mask(mask, x)
        x = torch.where(seen, x, 0.5).double()
        rows = Rows(self.weight.double(), self.bias.double(), x, seen)
        with torch.no_grad():
            center, root = rows.mode()
        return rows.settled(center, root, tolerance)


class Rows(NamedTuple):
    """Rows x (B, V), of which only ``seen`` counts, under one set of parameters; all in float64."""

    weight: Tensor
    bias: Tensor
    x: Tensor
    seen: Tensor

    def part(self, rows: Tensor | slice) -> "Rows":
        return self._replace(x=self.x[rows], seen=self.seen[rows])

    def log_joint(self, z: Tensor) -> Tensor:
        """(K, B, D) -> (K, B)."""
        logits = z @ self.weight.T + self.bias
        # Not softplus, which torch cuts at 20, an error of 2e-9 a value.
        each = torch.where(self.seen, self.x * logits + F.logsigmoid(-logits), 0.0)
        return each.sum(-1) - 0.5 * (z.square() + math.log(2 * math.pi)).sum(-1)

    def mode(self) -> tuple[Tensor, Tensor]:
        """Where each row's log joint is highest, (B, D), and a Cholesky factor of its inverse curvature there, (B, D, D)."""
        z = self.x.new_zeros(len(self.x), self.weight.shape[1])
        value = self.log_joint(z[None])[0]
        for _ in range(NEWTON_STEPS):
            slope, curvature = self._derivatives(z)
            step = torch.linalg.solve(curvature, slope.unsqueeze(-1)).squeeze(-1)
            there = self.log_joint((z + step)[None])[0]
            for _ in range(HALVINGS):
                worse = there < value
                if not bool(worse.any()):
                    break
                step = torch.where(worse.unsqueeze(-1), step / 2, step)
                there = self.log_joint((z + step)[None])[0]
            step = torch.where((there >= value).unsqueeze(-1), step, 0.0)
            z, value = z + step, torch.maximum(there, value)
            if not bool((step.abs() > 1e-9).any()):
                break
        _, curvature = self._derivatives(z)
        return z, torch.linalg.cholesky(torch.linalg.inv(curvature))

    def _derivatives(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Slope (B, D) and negative curvature (B, D, D) of the log joint."""
        chance = torch.sigmoid(z @ self.weight.T + self.bias)
        slope = torch.where(self.seen, self.x - chance, 0.0) @ self.weight - z
        spread = torch.where(self.seen, chance * (1 - chance), 0.0)
        curvature = torch.einsum("bv,vi,vj->bij", spread, self.weight, self.weight)
        return slope, curvature + torch.eye(z.shape[-1], dtype=z.dtype, device=z.device)

    def settled(self, center: Tensor, root: Tensor, tolerance: float) -> Integral:
        """Grids around ``center`` with axes ``root``, refined for those rows that have not come to rest."""
        dim, n = center.shape[1], FIRST_NODES
        left = torch.arange(len(self.x), device=self.x.device)
        last = torch.full_like(center[:, 0], math.inf)
        done: list[tuple[Tensor, Integral]] = []
        while len(left):
            if n**dim > MOST_NODES:
                raise NoClosedForm(
                    f"log p(x) of {len(left)} rows still moves by more than {tolerance:g} nats on a grid of {n // 2} nodes "
                    "a latent, since the weights are steep; ask for a larger tolerance, or anneal."
                )
            with torch.no_grad():
                found = self.part(left).on_grid(center, root, n)
            still = (found.log_marginal - last).abs() <= tolerance
            if bool(still.any()):
                # Once more with a graph, if there is to be one: the search above needs none.
                final = self.part(left[still]).on_grid(center[still], root[still], n) if self.learns else _rows(found, still)
                done.append((left[still], final))
            left, last = left[~still], found.log_marginal[~still]
            # A covariance that a coarse grid got wrong may have no root; the row keeps its axes then.
            better, failed = torch.linalg.cholesky_ex(found.covariance[~still])
            sound = (failed == 0)[:, None, None] & (better.diagonal(dim1=-2, dim2=-1) > 1e-6).all(-1)[:, None, None]
            center = torch.where(sound[..., 0], found.mean[~still], center[~still])
            root = torch.where(sound, better, root[~still])
            n *= 2
        order = torch.cat([rows for rows, _ in done] or [left]).argsort()
        parts = [part for _, part in done] or [self.on_grid(center, root, n)]
        return Integral(*(torch.cat(each)[order] for each in zip(*parts, strict=True)))

    @property
    def learns(self) -> bool:
        return torch.is_grad_enabled() and (self.weight.requires_grad or self.bias.requires_grad)

    def on_grid(self, center: Tensor, root: Tensor, n: int) -> Integral:
        """n^D Gauss-Hermite nodes at center + root e: (B, D), (B, D, D); in blocks that fit the memory."""
        nodes, log_weights = (each.to(self.x) for each in _grid(center.shape[1], n))
        block = max(1, LOGITS_AT_ONCE // (len(nodes) * max(1, self.x.shape[1])))
        parts = []
        for i in range(0, max(1, len(self.x)), block):
            at, axes = center[i : i + block], root[i : i + block]
            z = at + torch.einsum("bij,kj->kbi", axes, nodes)
            w = self.part(slice(i, i + block)).log_joint(z) + log_weights.unsqueeze(-1)
            log_p = w.logsumexp(0)
            share = (w - log_p).exp()
            mean = torch.einsum("kb,kbi->bi", share, z)
            off = z - mean
            growth = axes.diagonal(dim1=-2, dim2=-1).log().sum(-1)
            parts.append(Integral(log_p + growth, mean, torch.einsum("kb,kbi,kbj->bij", share, off, off)))
        return Integral(*(torch.cat(each) for each in zip(*parts, strict=True)))


def _rows(found: Integral, which: Tensor) -> Integral:
    return Integral(*(each[which] for each in found))


@cache
def _grid(dim: int, n: int) -> tuple[Tensor, Tensor]:
    """Nodes e (n^D, D) and logs of the weights that integrate without the normal density, (n^D,); float64, on the CPU."""
    places, shares = roots_hermitenorm(n)
    keep = shares > 0  # of many nodes the outermost underflow, more than 38 standard deviations out
    e = torch.from_numpy(places[keep])
    log_share = torch.from_numpy(shares[keep]).log() + e.square() / 2
    if dim == 1:
        return e.unsqueeze(-1), log_share
    nodes = torch.cartesian_prod(*[e] * dim)
    return nodes, torch.cartesian_prod(*[log_share] * dim).sum(-1)
