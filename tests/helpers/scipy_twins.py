"""The same distribution in SciPy, where it has one: a second oracle for densities and cumulated masses."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

# Parameters of one batch row, as floats by the library's names -> SciPy's frozen distribution.
TWINS: dict[str, Callable[..., Any]] = {
    "normal": lambda loc, scale: stats.norm(loc, scale),
    "laplace": lambda loc, scale: stats.laplace(loc, scale),
    "student-t": lambda df, loc, scale: stats.t(df, loc, scale),
    "cauchy": lambda loc, scale: stats.cauchy(loc, scale),
    "uniform": lambda low, high: stats.uniform(low, high - low),
    "exponential": lambda rate: stats.expon(scale=1 / rate),
    "gumbel": lambda loc, scale: stats.gumbel_r(loc, scale),
    "weibull": lambda scale, concentration: stats.weibull_min(concentration, scale=scale),
    "pareto": lambda scale, alpha: stats.pareto(alpha, scale=scale),
    "log-normal": lambda loc, scale: stats.lognorm(scale, scale=np.exp(loc)),
    "gamma": lambda concentration, rate: stats.gamma(concentration, scale=1 / rate),
    "beta": lambda concentration1, concentration0: stats.beta(concentration1, concentration0),
    "mean-beta": lambda mu, concentration: stats.beta(mu * concentration, (1 - mu) * concentration),
    "chi2": lambda df: stats.chi2(df),
    "fisher-snedecor": lambda df1, df2: stats.f(df1, df2),
    "logistic": lambda loc, scale: stats.logistic(loc, scale),
    "rayleigh": lambda scale: stats.rayleigh(scale=scale),
    "reciprocal": lambda low, high: stats.loguniform(low, high),
    "gompertz": lambda shape, rate: stats.gompertz(shape, scale=1 / rate),
    "erlang": lambda shape, rate: stats.gamma(shape, scale=1 / rate),
    "triangular": lambda low, peak, high: stats.triang((peak - low) / (high - low), low, high - low),
    "truncated-normal": lambda loc, scale, low, high: stats.truncnorm((low - loc) / scale, (high - loc) / scale, loc, scale),
    "negative-binomial": lambda mu, dispersion: stats.nbinom(1 / dispersion, 1 / (1 + mu * dispersion)),
    "beta-binomial": lambda total_count, concentration1, concentration0: stats.betabinom(
        total_count, concentration1, concentration0
    ),
}
