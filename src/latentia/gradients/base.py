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
    n_draws, n_rows = w.shape
    # replaced[k] is w with entry k exchanged: (K, K, B).
    own = torch.eye(n_draws, dtype=torch.bool, device=w.device).unsqueeze(-1)
    replaced = torch.where(own, instead.unsqueeze(1), w.unsqueeze(0))
    without = bound(replaced.transpose(0, 1).reshape(n_draws, n_draws * n_rows)).reshape(n_draws, n_rows)
    return bound(w).unsqueeze(0) - without
