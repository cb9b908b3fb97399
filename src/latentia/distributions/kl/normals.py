"""KL divergences between diagonal and full-rank normals."""

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from latentia.distributions.kl.table import divergence


@divergence(MultivariateNormal, Independent)
def _full_rank_to_diagonal(q: MultivariateNormal, p: Independent) -> Tensor:
    """KL(N(m, LL') || N(mu, diag sigma^2)), (B,) nats."""
    scale, loc = _diagonal(p)
    # tr(S^-1 LL') is the squared length of the rows of L, each over its own sigma.
    trace = (q.scale_tril / scale.unsqueeze(-1)).square().sum((-2, -1))
    distance = ((q.loc - loc) / scale).square().sum(-1)
    log_dets = 2 * (scale.log().sum(-1) - _log_det(q))
    return 0.5 * (trace + distance - q.loc.shape[-1] + log_dets)


@divergence(Independent, MultivariateNormal)
def _diagonal_to_full_rank(q: Independent, p: MultivariateNormal) -> Tensor:
    """KL(N(m, diag s^2) || N(mu, LL')), (B,) nats."""
    scale, loc = _diagonal(q)
    batch = torch.broadcast_shapes(q.batch_shape, p.batch_shape)
    tril = p.scale_tril.expand(*batch, *p.event_shape, *p.event_shape)
    # One solve for L^-1 diag(s) and L^-1 (m - mu).
    right = torch.cat([torch.diag_embed(scale), (loc - p.loc).unsqueeze(-1).expand(*scale.shape, 1)], -1)
    right = right.expand(*batch, *right.shape[-2:])
    whitened = torch.linalg.solve_triangular(tril, right, upper=False)
    log_dets = 2 * (_log_det(p) - scale.log().sum(-1))
    return 0.5 * (whitened.square().sum((-2, -1)) - loc.shape[-1] + log_dets)


def diagonal_normals(q: Distribution, p: Distribution) -> Tensor | None:
    """KL(N(m, diag s^2) || N(mu, diag sigma^2)), (B,) nats, or None where one is something else.

    torch knows it, too; asked at every step, its shapes and expansions cost more than the formula.
    """
    if not (_is_plain(q) and _is_plain(p)) or q.event_shape != p.event_shape:
        return None
    scale, loc = _diagonal(p)
    own, center = _diagonal(q)
    ratio = own / scale
    squares = ratio.square() + ((center - loc) / scale).square()
    return 0.5 * (squares.sum(-1) - loc.shape[-1]) - ratio.log().sum(-1)


def _is_plain(d: Distribution) -> bool:
    """A vector of independent normals, and no kin of theirs that may have a divergence of its own."""
    return type(d) is Independent and type(d.base_dist) is Normal and d.reinterpreted_batch_ndims == 1


def _diagonal(d: Distribution) -> tuple[Tensor, Tensor]:
    assert isinstance(d, Independent)
    if not isinstance(d.base_dist, Normal) or d.reinterpreted_batch_ndims != 1:
        raise NotImplementedError  # as torch says that a pair is not registered
    return d.base_dist.scale, d.base_dist.loc


def _log_det(d: MultivariateNormal) -> Tensor:
    return torch.diagonal(d.scale_tril, dim1=-2, dim2=-1).log().sum(-1)
