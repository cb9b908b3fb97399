"""Distributions that torch.distributions lacks, and what is done to any of them."""

from latentia.distributions.discrete import (
    BetaBinomial,
    DiscretizedLogistic,
    DiscretizedLogisticMixture,
    NegativeBinomial,
    ZeroInflated,
    grid_nats_to_bits,
)
from latentia.distributions.entry import Entry, How
from latentia.distributions.kl import closed_kl, describe, has_closed_kl, kl_per_dimension
from latentia.distributions.moments import DRAWS_FOR_A_MEAN, has_mean, point
from latentia.distributions.multivariate import (
    Elliptical,
    HypersphericalUniform,
    LaplaceRadius,
    NormalMixture,
    NormalRadius,
    Radial,
    StudentTRadius,
    VonMisesFisher,
)
from latentia.distributions.observed import observed_log_prob
from latentia.distributions.registry import DISTRIBUTIONS
from latentia.distributions.relaxation import Bits, Codes, Relaxable, relaxable
from latentia.distributions.states import LIMIT, HasStates, n_states, states
from latentia.distributions.structured import (
    Autoregressive,
    Chain,
    Hierarchy,
    LinearEmission,
    LinearGaussianChain,
    LinearGaussianObservations,
    Masked,
)
from latentia.distributions.univariate import (
    ContinuousBernoulli,
    Delta,
    Erlang,
    Gompertz,
    Logistic,
    LogitRelaxedBernoulli,
    Rayleigh,
    Reciprocal,
    Triangular,
    TruncatedNormal,
)

__all__ = [
    "DISTRIBUTIONS",
    "DRAWS_FOR_A_MEAN",
    "LIMIT",
    "Autoregressive",
    "BetaBinomial",
    "Bits",
    "Chain",
    "Codes",
    "ContinuousBernoulli",
    "Delta",
    "DiscretizedLogistic",
    "DiscretizedLogisticMixture",
    "Elliptical",
    "Entry",
    "Erlang",
    "Gompertz",
    "HasStates",
    "Hierarchy",
    "How",
    "HypersphericalUniform",
    "LaplaceRadius",
    "LinearEmission",
    "LinearGaussianChain",
    "LinearGaussianObservations",
    "Logistic",
    "LogitRelaxedBernoulli",
    "Masked",
    "NegativeBinomial",
    "NormalMixture",
    "NormalRadius",
    "Radial",
    "Rayleigh",
    "Reciprocal",
    "Relaxable",
    "StudentTRadius",
    "Triangular",
    "TruncatedNormal",
    "VonMisesFisher",
    "ZeroInflated",
    "closed_kl",
    "describe",
    "grid_nats_to_bits",
    "has_closed_kl",
    "has_mean",
    "kl_per_dimension",
    "n_states",
    "observed_log_prob",
    "point",
    "relaxable",
    "states",
]
