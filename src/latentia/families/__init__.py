"""Families by name. To add one: a file here and its line in ``FAMILIES``; tests/laws then hold it to account."""

from latentia.families.base import Family
from latentia.families.bernoulli import Bernoulli
from latentia.families.categorical import Categorical
from latentia.families.continuous_bernoulli import ContinuousBernoulli
from latentia.families.diagonal_normal import DiagonalNormal
from latentia.families.discretized_logistic import DiscretizedLogistic
from latentia.families.flow import Flow
from latentia.families.full_rank_normal import FullRankNormal
from latentia.families.laplace import Laplace
from latentia.families.normal import Normal
from latentia.families.normal_mixture import NormalMixture

FAMILIES: dict[str, type[Family]] = {
    "bernoulli": Bernoulli,
    "continuous-bernoulli": ContinuousBernoulli,
    "normal": Normal,
    "laplace": Laplace,
    "categorical": Categorical,
    "discretized-logistic": DiscretizedLogistic,
    "diagonal-normal": DiagonalNormal,
    "full-rank-normal": FullRankNormal,
    "flow": Flow,
    "normal-mixture": NormalMixture,
}

__all__ = [
    "FAMILIES",
    "Bernoulli",
    "Categorical",
    "ContinuousBernoulli",
    "DiagonalNormal",
    "DiscretizedLogistic",
    "Family",
    "Flow",
    "FullRankNormal",
    "Laplace",
    "Normal",
    "NormalMixture",
]
