"""A mixture of diagonal normals whose draws carry a gradient in everything, the mixture's weights included.

Graves (2016), Stochastic Backpropagation through Mixture Density Distributions; Figurnov, Mohamed & Mnih (2018), Implicit
Reparameterization Gradients; Morningstar et al. (2021), Automatic Differentiation Variational Inference with Mixtures, for
the draws stratified by component.
"""

import math
from typing import Any

import torch
from torch import Size, Tensor
from torch.autograd.function import once_differentiable
from torch.distributions import constraints
from torch.types import _size

from latentia.core.errors import ShapeError
from latentia.distributions.entry import Entry, How
from latentia.distributions.multivariate.parts import require_tensors
from latentia.distributions.parametric import Parametric

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


class NormalMixture(Parametric):
    """sum_k pi_k prod_d N(z_d; loc_kd, scale_kd) over vectors of length D.

    ``rsample`` is exact and its gradient, of the first order only, unbiased; but between components far apart a draw's
    gradient in the weights is rare and large, as mass has to be carried across the gap. ``stratified`` has no such
    trouble, at K times the draws.

    Args:
        logits: (*batch, K) log weights, up to a constant.
        loc: (*batch, K, D) means of the components.
        scale: (*batch, K, D) their standard deviations.

    Raises:
        ShapeError: the three do not agree on K and D, or K is 0.
    """

    arg_constraints = {
        "logits": constraints.real_vector,
        "loc": constraints.independent(constraints.real, 2),
        "scale": constraints.independent(constraints.positive, 2),
    }
    support = constraints.real_vector
    has_rsample = True
    logits: Tensor
    loc: Tensor
    scale: Tensor

    def __init__(self, logits: Tensor, loc: Tensor, scale: Tensor, validate_args: bool | None = None) -> None:
        require_tensors(type(self).__name__, logits=logits, loc=loc, scale=scale)
        if not (logits.ndim and loc.ndim > 1 and loc.shape[-2:] == scale.shape[-2:] and loc.shape[-2] == logits.shape[-1]):
            raise ShapeError(
                f"NormalMixture: logits {tuple(logits.shape)}, loc {tuple(loc.shape)} and scale {tuple(scale.shape)} "
                "must end in (K), (K, D) and (K, D) with one K and one D."
            )
        if not logits.shape[-1]:
            raise ShapeError(f"NormalMixture: logits {tuple(logits.shape)} hold no component; give K at least 1.")
        super().__init__((loc.shape[-1],), validate_args, logits=logits, loc=loc, scale=scale)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats: value (..., D) -> (...)."""
        if self._validate_args:
            self._validate_sample(value)
        each = _log_normal(value, self.loc, self.scale)[1].sum(-1)
        return torch.logsumexp(self.logits.log_softmax(-1) + each, -1)

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        shape = self._draw_shape(sample_shape)
        noise = torch.randn(shape, dtype=self.loc.dtype, device=self.loc.device)
        if self.logits.shape[-1] == 1:
            return self.loc.squeeze(-2) + self.scale.squeeze(-2) * noise
        with torch.no_grad():
            # The first of K exponential clocks to ring, so that a weight that rounds to zero is still drawn as it should.
            clocks = torch.empty(shape[:-1] + self.logits.shape[-1:], dtype=self.loc.dtype, device=self.loc.device)
            picked = (self.logits - clocks.exponential_().log()).argmax(-1)[..., None, None]
            of = shape[:-1] + self.loc.shape[-2:]
            loc, scale = (torch.take_along_dim(p.expand(of), picked, -2).squeeze(-2) for p in (self.loc, self.scale))
            z = loc + scale * noise
        return _Transport.apply(z, self.logits, self.loc, self.scale)  # pyright: ignore[reportReturnType]

    def stratified(self, sample_shape: _size = ()) -> tuple[Tensor, Tensor]:
        """One draw from every component, and log pi, both with their gradients: E f(z) = sum_k pi_k E f(z_k).

        Returns:
            z (*sample_shape, K, *batch, D) and log weights (K, *batch), nats.
        """
        loc, scale = self.loc.movedim(-2, 0), self.scale.movedim(-2, 0)
        noise = torch.randn(Size(sample_shape) + loc.shape, dtype=loc.dtype, device=loc.device)
        return loc + scale * noise, self.logits.log_softmax(-1).movedim(-1, 0)

    def cdf(self, value: Tensor) -> Tensor:
        """P(z <= value) where D is 1: value (..., 1) -> (...).

        Raises:
            NotImplementedError: D is 2 or more.
        """
        if self.event_shape[0] != 1:
            raise NotImplementedError(
                f"{type(self).__name__}: a cdf over {self.event_shape[0]} dimensions has no closed form."
            )
        y = (value.unsqueeze(-2) - self.loc) / self.scale
        return (self.component_probs * torch.special.ndtr(y.squeeze(-1))).sum(-1)

    @property
    def component_probs(self) -> Tensor:
        """pi: (*batch, K)."""
        return self.logits.softmax(-1)

    @property
    def mean(self) -> Tensor:
        return (self.component_probs.unsqueeze(-1) * self.loc).sum(-2)

    @property
    def variance(self) -> Tensor:
        spread = (self.loc - self.mean.unsqueeze(-2)).square() + self.scale.square()
        return (self.component_probs.unsqueeze(-1) * spread).sum(-2)


def _log_normal(z: Tensor, loc: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """z (..., D) in units of each component, and its log density there: (..., K, D) each."""
    y = (z.unsqueeze(-2) - loc) / scale
    return y, -0.5 * y.square() - scale.log() - HALF_LOG_2PI


class _Transport(torch.autograd.Function):
    """A draw as it is; backwards, how it moves with the parameters while S_d(z) = F(z_d | z_1 .. z_d-1) stay fixed.

    By the implicit rule dz = -(dS/dz)^-1 dS. S_d is the mean of the components' Phi((z_d - loc_kd) / scale_kd) under their
    weights given what comes before d, so that dS/dz is lower triangular. Row d is divided by its diagonal, the conditional
    density p(z_d | z_1 .. z_d-1).
    """

    @staticmethod
    def forward(ctx: Any, z: Tensor, logits: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
        ctx.save_for_backward(z, logits, loc, scale)
        return z.view_as(z)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        z, logits, loc, scale = ctx.saved_tensors
        y, log_density = _log_normal(z, loc, scale)
        # Weights of the components before entry d is seen, and after: (..., K, D).
        log_after = logits.log_softmax(-1).unsqueeze(-1) + log_density.cumsum(-1)
        first = logits.log_softmax(-1).unsqueeze(-1).expand(log_after[..., :1].shape)
        before = torch.cat([first, log_after[..., :-1]], -1).log_softmax(-2)
        after = log_after.softmax(-2)
        excess = _excess(y, before, torch.logsumexp(before + log_density, -2, keepdim=True))

        slope = y / scale
        rows = excess.mT @ slope
        eye = torch.eye(z.shape[-1], dtype=z.dtype, device=z.device)
        jacobian = eye - torch.tril(rows, -1)
        pull = torch.linalg.solve_triangular(jacobian.mT, grads[0].unsqueeze(-1), upper=True, unitriangular=True)
        pulled = pull.mT * excess
        # What the entries after d say of a component by way of its weight.
        later = torch.cat([pulled.flip(-1).cumsum(-1).flip(-1)[..., 1:], torch.zeros_like(pulled[..., :1])], -1)
        own = pull.mT * after
        for_loc = own - later * slope
        for_scale = own * y - later * (slope * y - 1 / scale)
        found = -pulled.sum(-1), for_loc, for_scale
        return None, *(each.sum_to_size(p.shape) for each, p in zip(found, (logits, loc, scale), strict=True))


def _excess(y: Tensor, log_weights: Tensor, log_conditional: Tensor) -> Tensor:
    """w_k (Phi(y_k) - S) / p: (..., K, D).

    Taken on the tail where the probabilities are small, and in logarithms, so that far out no digit of a difference of two
    numbers near one is asked for.
    """
    upper = (log_weights.exp() * torch.special.ndtr(y)).sum(-2, keepdim=True) > 0.5
    side = torch.where(upper, -1.0, 1.0).to(y.dtype)
    tails = log_weights + torch.special.log_ndtr(side * y)
    mean_tail = torch.logsumexp(tails, -2, keepdim=True)
    # In the empty gap between far components the rate is beyond every number; no draw falls there, unless rounded into it.
    limit = 0.25 * math.log(torch.finfo(y.dtype).max)
    own = (tails - log_conditional).clamp_max(limit).exp()
    shared = (log_weights + mean_tail - log_conditional).clamp_max(limit).exp()
    return side * (own - shared)


NORMAL_MIXTURE = Entry(
    NormalMixture,
    How.IMPLICIT,
    "loc_k + scale_k · e, k ~ pi, e ~ N(0, I)",
    "Graves (2016), Stochastic Backpropagation through Mixture Density Distributions; Figurnov, Mohamed & Mnih (2018), "
    "Implicit Reparameterization Gradients",
    typical={
        "logits": [[0.5, -0.3, 0.0], [-0.5, 0.2, 0.4]],
        "loc": [[[-0.8, 0.3], [0.9, -0.4], [0.2, 0.8]], [[0.0, -1.0], [0.7, 0.5], [-0.6, 0.3]]],
        "scale": [[[0.8, 0.6], [0.7, 0.9], [1.0, 0.7]], [[0.9, 0.7], [0.6, 1.1], [0.8, 0.8]]],
    },
    extreme={
        "logits": [[0.0, 0.0], [-1e4, 0.0], [3.0, -3.0]],
        "loc": [[[-1e4, 1e4], [1e4, 1e4]], [[0.0, 0.0], [1.0, -1.0]], [[0.0, 0.0], [0.0, 1e4]]],
        "scale": [[[1e-4, 1e4], [1e4, 1e-4]], [[1e-4, 1e-4], [1e4, 1e4]], [[1e4, 1.0], [1e-4, 1.0]]],
    },
    invalid={
        "loc": [[[-0.8, 0.3], [0.9, -0.4], [0.2, 0.8]], [[0.0, -1.0], [0.7, math.nan], [-0.6, 0.3]]],
        "scale": [[[0.8, 0.6], [0.7, 0.9], [1.0, 0.7]], [[0.9, 0.7], [0.6, 1.1], [0.8, 0.0]]],
    },
)
