"""KL divergences of a point, and between distributions of directions."""

from torch import Tensor
from torch.distributions import Distribution

from latentia.distributions.kl.table import divergence
from latentia.distributions.multivariate import HypersphericalUniform, VonMisesFisher
from latentia.distributions.univariate import Delta


@divergence(Delta, Distribution)
def _point_to_any(q: Delta, p: Distribution) -> Tensor:
    """The point's stated log density less p's at the point; for a continuous p what is left when its infinity is dropped."""
    return q.log_density - p.log_prob(q.loc)


@divergence(HypersphericalUniform, HypersphericalUniform)
def _uniform_to_uniform(q: HypersphericalUniform, p: HypersphericalUniform) -> Tensor:
    return p.entropy() - q.entropy()


@divergence(VonMisesFisher, HypersphericalUniform)
def _von_mises_fisher_to_uniform(q: VonMisesFisher, p: HypersphericalUniform) -> Tensor:
    """Davidson et al. (2018), Hyperspherical Variational Auto-Encoders, section 3."""
    return p.entropy() - q.entropy()


@divergence(VonMisesFisher, VonMisesFisher)
def _von_mises_fisher_to_itself(q: VonMisesFisher, p: VonMisesFisher) -> Tensor:
    # E(1 - cosine of the angle to p's axis), from q's spread and the distance of the axes: nothing large is subtracted.
    apart = 0.5 * (q._axis - p._axis).square().sum(-1)
    away = q._away_moments()[0] * (1 - apart) + apart
    return p._log_normalizer() - q.entropy() + p.concentration * away


@divergence(HypersphericalUniform, VonMisesFisher)
def _uniform_to_von_mises_fisher(q: HypersphericalUniform, p: VonMisesFisher) -> Tensor:
    return p._log_normalizer() + p.concentration - q.entropy()
