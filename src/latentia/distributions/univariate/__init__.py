"""Distributions of one real number."""

from latentia.distributions.univariate.continuous_bernoulli import ContinuousBernoulli
from latentia.distributions.univariate.logistic import LOGISTIC, Logistic

UNIVARIATE = {"logistic": LOGISTIC}

__all__ = ["UNIVARIATE", "ContinuousBernoulli", "Logistic"]
