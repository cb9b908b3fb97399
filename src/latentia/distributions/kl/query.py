"""Whether KL(q || p) has a closed form, and what it is, for the whole event or a latent at a time."""

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, kl_divergence

from latentia.core.errors import NoClosedForm, SupportError
from latentia.distributions.kl.normals import diagonal_normals
from latentia.distributions.kl.table import by_quadrature


def closed_kl(q: Distribution, p: Distribution) -> Tensor:
    """KL(q || p) in nats, one number a row.

    Raises:
        NoClosedForm: no closed form is registered for the pair.
    """
    between_normals = diagonal_normals(q, p)
    if between_normals is not None:
        return between_normals
    try:
        q, p = _as_wide(q, p)
        if not by_quadrature(q, p):
            return kl_divergence(q, p)
    except NotImplementedError:  # torch's answer to a pair that nobody registered, or to one that cannot be widened
        pass
    raise NoClosedForm(f"KL({describe(q)} || {describe(p)}) has no closed form; use gradient='reparameterized' (or 'auto').")


def has_closed_kl(q: Distribution, p: Distribution) -> bool:
    """Whether ``closed_kl`` would answer."""
    if by_quadrature(q, p):
        return False
    try:
        with torch.no_grad():
            kl_divergence(*_as_wide(q, p))
    except NotImplementedError:
        return False
    except SupportError:  # there is a formula; it refuses these values
        pass
    return True


def kl_per_dimension(q: Distribution, p: Distribution) -> Tensor | None:
    """KL of each latent, (B, D) nats, where q and p both factorize over a vector; else None."""
    factorized = all(isinstance(d, Independent) and d.reinterpreted_batch_ndims == 1 for d in (q, p))
    if not factorized or not has_closed_kl(q.base_dist, p.base_dist):  # pyright: ignore[reportAttributeAccessIssue]  both are Independent
        return None
    return kl_divergence(*_as_wide(q.base_dist, p.base_dist))  # pyright: ignore[reportAttributeAccessIssue]


def _as_wide(q: Distribution, p: Distribution) -> tuple[Distribution, Distribution]:
    """One p for every q and the reverse: some of torch's closed forms (Bernoulli, for one) index instead of broadcasting."""
    batch = torch.broadcast_shapes(q.batch_shape, p.batch_shape)
    return q if q.batch_shape == batch else q.expand(batch), p if p.batch_shape == batch else p.expand(batch)


def describe(d: Distribution) -> str:
    """A distribution's name, with what an ``Independent`` wraps."""
    return f"{type(d.base_dist).__name__}" if isinstance(d, Independent) else type(d).__name__
