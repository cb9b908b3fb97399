"""Priors by name."""

from latentia.priors.base import Prior
from latentia.priors.bernoulli import BernoulliPrior
from latentia.priors.codes import Codes
from latentia.priors.laplace_dirichlet import LaplaceDirichlet
from latentia.priors.mixture import Mixture
from latentia.priors.standard_normal import StandardNormal
from latentia.priors.vamp import VampPrior

PRIORS: dict[str, type[Prior]] = {
    "standard-normal": StandardNormal,
    "mixture": Mixture,
    "vamp": VampPrior,
    "bernoulli": BernoulliPrior,
    "codes": Codes,
    "laplace-dirichlet": LaplaceDirichlet,
}

__all__ = ["PRIORS", "BernoulliPrior", "Codes", "LaplaceDirichlet", "Mixture", "Prior", "StandardNormal", "VampPrior"]
