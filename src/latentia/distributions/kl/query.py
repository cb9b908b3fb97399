"""Whether KL(q || p) has a closed form, and what it is, for the whole event or a latent at a time."""

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, kl_divergence

from latentia.core.errors import NoClosedForm
from latentia.distributions.kl.table import by_quadrature


def closed_kl(q: Distribution, p: Distribution) -> Tensor:
    """KL(q || p) in nats, one number a row.

    Raises:
        NoClosedForm: no closed form is registered for the pair.
    """
    p = _as_wide_as(q, p)
    if not by_quadrature(q, p):
        try:
            return kl_divergence(q, p)
        except NotImplementedError:
            pass
    raise NoClosedForm(
        f"KL({describe(q)} || {describe(p)}) has no closed form; use gradient='reparameterized' (or 'auto')."
    ) from None


def has_closed_kl(q: Distribution, p: Distribution) -> bool:
    """Whether ``closed_kl`` would answer."""
    if by_quadrature(q, p):
        return False
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
