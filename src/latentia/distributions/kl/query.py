"""KL divergences with a closed form that torch does not know, and the question whether one is known."""

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal, kl_divergence, register_kl

from latentia.core.errors import NoClosedForm


@register_kl(MultivariateNormal, Independent)
def _kl_full_rank_diagonal(q: MultivariateNormal, p: Independent) -> Tensor:
    """KL(N(m, LL') || N(mu, diag sigma^2)), (B,) nats."""
    if not isinstance(p.base_dist, Normal) or p.reinterpreted_batch_ndims != 1:
        raise NotImplementedError
    scale = p.base_dist.scale
    # tr(S^-1 LL') is the squared length of the rows of L, each over its own sigma.
    trace = (q.scale_tril / scale.unsqueeze(-1)).square().sum((-2, -1))
    distance = ((q.loc - p.base_dist.loc) / scale).square().sum(-1)
    log_dets = 2 * (scale.log().sum(-1) - torch.diagonal(q.scale_tril, dim1=-2, dim2=-1).log().sum(-1))
    return 0.5 * (trace + distance - q.loc.shape[-1] + log_dets)


def closed_kl(q: Distribution, p: Distribution) -> Tensor:
    """KL(q || p) in nats, one number a row.

    Raises:
        NoClosedForm: no closed form is registered for the pair.
    """
    try:
        return kl_divergence(q, _as_wide_as(q, p))
    except NotImplementedError:
        raise NoClosedForm(
            f"KL({describe(q)} || {describe(p)}) has no closed form; use gradient='reparameterized' (or 'auto')."
        ) from None


def has_closed_kl(q: Distribution, p: Distribution) -> bool:
    """Whether ``closed_kl`` would answer."""
    try:
        with torch.no_grad():
            kl_divergence(q, _as_wide_as(q, p))
    except NotImplementedError:
        return False
    return True


def kl_per_dimension(q: Distribution, p: Distribution) -> Tensor | None:
    """KL of each latent, (B, D) nats, where q and p both factorize over a vector; else None."""
    factorized = all(isinstance(d, Independent) and d.reinterpreted_batch_ndims == 1 for d in (q, p))
    if not factorized or not has_closed_kl(q.base_dist, p.base_dist):  # pyright: ignore[reportAttributeAccessIssue]  both are Independent
        return None
    return kl_divergence(q.base_dist, _as_wide_as(q.base_dist, p.base_dist))  # pyright: ignore[reportAttributeAccessIssue]


def _as_wide_as(q: Distribution, p: Distribution) -> Distribution:
    """One p for every q: some of torch's closed forms (Bernoulli, for one) index instead of broadcasting."""
    return p if p.batch_shape == q.batch_shape else p.expand(q.batch_shape)


def describe(d: Distribution) -> str:
    """A distribution's name, with what an ``Independent`` wraps."""
    return f"{type(d.base_dist).__name__}" if isinstance(d, Independent) else type(d).__name__
