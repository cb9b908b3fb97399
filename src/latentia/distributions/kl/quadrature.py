"""KL divergences without a closed form, integrated over q's quantiles and marked as integrals."""

import torch
from torch import Tensor
from torch.distributions import Beta, Distribution, Gumbel, Kumaraswamy, Normal

from latentia.distributions.kl.table import Method, divergence
from latentia.distributions.univariate import Gompertz, Logistic

# On the logit scale of the quantiles the integrand is analytic and fades like exp(-|s|): the trapezoid rule converges
# geometrically (Trefethen & Weideman 2014).
NODES = 257


@divergence(Logistic, Logistic, Method.QUADRATURE)
@divergence(Normal, Logistic, Method.QUADRATURE)
@divergence(Gumbel, Logistic, Method.QUADRATURE)
@divergence(Gompertz, Gompertz, Method.QUADRATURE)
@divergence(Kumaraswamy, Beta, Method.QUADRATURE)
def kl_by_quadrature(q: Distribution, p: Distribution) -> Tensor:
    """The mean of log q - log p over q's quantiles; q needs ``icdf``. Batch shapes broadcast."""
    batch = torch.broadcast_shapes(q.batch_shape, p.batch_shape)
    like = q.mean
    reach = -torch.log(torch.tensor(torch.finfo(like.dtype).eps)).item()
    s = torch.linspace(-reach, reach, NODES, dtype=like.dtype, device=like.device).reshape(-1, *(1,) * len(batch))
    u = torch.sigmoid(s)
    weight = u * torch.sigmoid(-s)
    z = q.icdf(u)
    difference = q.log_prob(z) - p.log_prob(z)
    return (weight * difference).sum(0) / weight.sum(0)
