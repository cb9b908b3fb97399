"""The pathwise gradient with the score term reparameterized once more, for any bound.

With the ELBO it is Roeder, Wu & Duvenaud (2017), Sticking the Landing; with the importance-weighted bound, Tucker et al.
(2019), Doubly Reparameterized Gradient Estimators. Both are one rule: the path through z_k is credited with
v_k - beta dv_k/dw_k, where v = dL/dw and beta is the KL weight. At beta = 1 that is 1/K for the ELBO and v_k^2 for the
importance-weighted bound.
"""

import torch
from torch import Tensor
from torch.distributions import Distribution

from latentia.bounds import Bound
from latentia.core import Batch
from latentia.gradients.base import Estimate, proper, reparameterized_draws
from latentia.models import GenerativeModel
from latentia.weights import terms


class DoublyReparameterized:
    """No score term, so that the gradient of phi vanishes where q is exact and grows steadier with more draws."""

    def __call__(
        self,
        bound: Bound,
        model: GenerativeModel,
        q: Distribution,
        batch: Batch,
        n_draws: int,
        kl_weight: float = 1.0,
    ) -> Estimate:
        z = reparameterized_draws(q, n_draws, "doubly-reparameterized")
        parts = terms(model, q, batch, z)
        credit, path_share = path_credits(bound, parts.weights(kl_weight), kl_weight)

        # log q by its slope in z alone: phi reaches the bound through the draw and not through q's density.
        at = z.detach().requires_grad_()
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(q.log_prob(at).sum(), at)
        event = tuple(range(2, z.ndim))
        log_q_path = (slope * z).sum(event)
        surrogate = (credit * (parts.log_likelihood + kl_weight * (parts.log_prior - log_q_path))).sum(0)
        if z.requires_grad:
            z.register_hook(lambda g: g * path_share.reshape(path_share.shape + (1,) * len(event)))
        return Estimate(proper(bound, parts), surrogate, parts.rate())


def path_credits(bound: Bound, w: Tensor, kl_weight: float = 1.0) -> tuple[Tensor, Tensor]:
    """v = dL/dw and the share (v - kl_weight dv_k/dw_k) / v of it that reaches the path: both (K, B), detached.

    The second term is the score of log q, reparameterized; the score enters the bound with the KL's weight.
    """
    n_draws = w.shape[0]
    with torch.enable_grad():
        # One copy of the weights for each k, so that a single backward pass finds every d v_k / d w_k.
        copies = w.detach().expand(n_draws, *w.shape).clone().requires_grad_()
        (v,) = torch.autograd.grad(_sum_over_copies(bound, copies), copies, create_graph=True)
        own = torch.diagonal(v, dim1=0, dim2=1).movedim(-1, 0)
        curvature = torch.zeros_like(own)
        if own.requires_grad:
            (full,) = torch.autograd.grad(own.sum(), copies, allow_unused=True)
            if full is not None:
                curvature = torch.diagonal(full, dim1=0, dim2=1).movedim(-1, 0)
    own = own.detach()
    ratio = curvature / own.clamp_min(torch.finfo(own.dtype).tiny)
    share = torch.where(own > 0, 1 - kl_weight * ratio, torch.zeros_like(own))
    return own, share


def _sum_over_copies(bound: Bound, copies: Tensor) -> Tensor:
    """sum over copies and rows of L: copies (K', K, B)."""
    return bound(copies.transpose(0, 1).flatten(1)).sum()
