"""Distributions of one real number."""

from latentia.distributions.univariate.continuous_bernoulli import CONTINUOUS_BERNOULLI, ContinuousBernoulli
from latentia.distributions.univariate.delta import DELTA, Delta
from latentia.distributions.univariate.erlang import ERLANG, Erlang
from latentia.distributions.univariate.gompertz import GOMPERTZ, Gompertz
from latentia.distributions.univariate.logistic import LOGISTIC, Logistic
from latentia.distributions.univariate.logit_relaxed_bernoulli import LOGIT_RELAXED_BERNOULLI, LogitRelaxedBernoulli
from latentia.distributions.univariate.mean_beta import MEAN_BETA, MeanBeta
from latentia.distributions.univariate.rayleigh import RAYLEIGH, Rayleigh
from latentia.distributions.univariate.reciprocal import RECIPROCAL, Reciprocal
from latentia.distributions.univariate.triangular import TRIANGULAR, Triangular
from latentia.distributions.univariate.truncated_normal import TRUNCATED_NORMAL, TruncatedNormal

UNIVARIATE = {
    "logit-relaxed-bernoulli": LOGIT_RELAXED_BERNOULLI,
    "logistic": LOGISTIC,
    "rayleigh": RAYLEIGH,
    "reciprocal": RECIPROCAL,
    "gompertz": GOMPERTZ,
    "erlang": ERLANG,
    "triangular": TRIANGULAR,
    "truncated-normal": TRUNCATED_NORMAL,
    "continuous-bernoulli": CONTINUOUS_BERNOULLI,
    "delta": DELTA,
    "mean-beta": MEAN_BETA,
}

__all__ = [
    "UNIVARIATE",
    "ContinuousBernoulli",
    "Delta",
    "Erlang",
    "Gompertz",
    "Logistic",
    "LogitRelaxedBernoulli",
    "MeanBeta",
    "Rayleigh",
    "Reciprocal",
    "Triangular",
    "TruncatedNormal",
]
