"""A gradient gets past the draw: it turns a bound into something whose derivative estimates the bound's."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.distributions import Distribution

from latentia.bounds import Bound
from latentia.core import Batch
from latentia.core.errors import NoReparameterization
from latentia.distributions import relaxable
from latentia.models import GenerativeModel
from latentia.weights import Terms


class Estimate(NamedTuple):
    """One estimate for a batch.

    Attributes:
        bound: (B,) nats, detached: the bound proper, whatever weight the KL had in training.
        surrogate: (B,) its gradient estimates the (weighted) bound's; its value means nothing.
        rate: (B,) nats, detached: KL(q || prior), closed or by the same draws.
    """

    bound: Tensor
    surrogate: Tensor
    rate: Tensor


class Gradient(Protocol):
    """How a gradient gets past the draw."""

    def __call__(
        self,
        bound: Bound,
        model: GenerativeModel,
        q: Distribution,
        batch: Batch,
        n_draws: int,
        kl_weight: float = 1.0,
    ) -> Estimate:
        """Estimate ``bound`` on ``batch`` with ``n_draws`` draws from q."""
        ...


def proper(bound: Bound, parts: Terms) -> Tensor:
    """The bound at KL weight 1, detached: what is reported."""
    return bound(parts.weights()).detach()


def reparameterized_draws(q: Distribution, n_draws: int, needed_by: str) -> Tensor:
    """K draws that carry a gradient: (K, B, *z_shape).

    Raises:
        NoReparameterization: q's draws carry none.
    """
    if not q.has_rsample:
        raise NoReparameterization(
            f"{type(q).__name__} draws cannot carry a gradient, which {needed_by!r} needs; "
            "use gradient='leave-one-out' with draws >= 2, or a continuous family."
        )
    return q.rsample((n_draws,))


def plain_draws(q: Distribution, n_draws: int) -> Tensor:
    """K draws that carry no gradient: (K, B, *z_shape)."""
    factors = relaxable(q)
    with torch.no_grad():
        # torch's own ``sample`` has the host look for a bad parameter, and raises at one; a step on it is to be skipped.
        if factors is not None:
            return factors.draw(n_draws)
        return q.rsample((n_draws,)) if q.has_rsample else q.sample((n_draws,))


def draw_credits(bound: Bound, w: Tensor, instead: Tensor) -> Tensor:
    """What each draw added to the bound: the bound less the bound in which its weight is exchanged for another.

    The credits stay unbiased whatever stands instead, as long as that does not depend on the draw itself.

    Args:
        bound: of log-weights.
        w: log-weights (K, B), detached.
        instead: what takes each one's place, (K, B), detached.

    Returns:
        (K, B).
    """
    return bound(w).unsqueeze(0) - bound(_exchanged(w, instead)).reshape(w.shape)


def whole_credits(bound: Bound, w: Tensor, instead: Tensor, kl_weight: float) -> Tensor:
    """What multiplies each draw's score where the log-weight's own score in q is part of it: (K, B).

    The bound moves with q's parameters by the draws, and, since log q stands in the log-weight, by -kl_weight v_k times
    the score, v = dL/dw. Both are judged against what stands instead of the draw: L - kl_weight v_k, less the same with the
    weight exchanged. For the ELBO v is constant and its part vanishes, so that nothing is left where q is exact. Lievin,
    Dittadi, Christensen & Winther (2020), Optimal variance control of the score-function gradient estimator for
    importance-weighted bounds, write the credit so.

    Args:
        bound: of log-weights.
        w: log-weights (K, B), detached, with the KL's weight in them.
        instead: what takes each one's place, (K, B), detached.
        kl_weight: of log q in the log-weights.
    """
    n_draws, n_rows = w.shape
    each = _slopes(bound, _exchanged(w, instead)).reshape(n_draws, n_draws, n_rows)  # [k, j]: dL/dw_k where w_j is exchanged
    without = torch.diagonal(each).T
    return draw_credits(bound, w, instead) - kl_weight * (_slopes(bound, w) - without)


def score_surrogate(bound: Bound, parts: Terms, instead: Tensor, kl_weight: float) -> Tensor:
    """(B,): the model's slope at the draws, and the score of q by ``whole_credits``. ``instead`` (K, B) is detached."""
    w = parts._replace(log_q=parts.log_q.detach()).weights(kl_weight)
    return bound(w) + (whole_credits(bound, w.detach(), instead, kl_weight) * parts.log_q).sum(0)


def _exchanged(w: Tensor, instead: Tensor) -> Tensor:
    """A copy of the log-weights for each draw, with that draw's exchanged, side by side: (K, B) -> (K, K B)."""
    own = torch.eye(len(w), dtype=torch.bool, device=w.device).unsqueeze(-1)
    return torch.where(own, instead.unsqueeze(1), w.unsqueeze(0)).transpose(0, 1).flatten(1)


def _slopes(bound: Bound, w: Tensor) -> Tensor:
    """dL/dw, (K, B)."""
    with torch.enable_grad():
        at = w.detach().requires_grad_()
        return torch.autograd.grad(bound(at).sum(), at)[0]
