"""Families by name. To add one: a file here and its line in ``FAMILIES``; tests/laws then hold it to account."""

from latentia.families.base import Family
from latentia.families.bernoulli import Bernoulli
from latentia.families.beta import Beta
from latentia.families.categorical import Categorical
from latentia.families.columns import Columns
from latentia.families.continuous_bernoulli import ContinuousBernoulli
from latentia.families.continuous_flow import ContinuousFlow
from latentia.families.diagonal_normal import DiagonalNormal
from latentia.families.discretized_logistic import DiscretizedLogistic
from latentia.families.flow import Flow
from latentia.families.full_rank_normal import FullRankNormal
from latentia.families.inverse_autoregressive import InverseAutoregressive
from latentia.families.laplace import Laplace
from latentia.families.low_rank_normal import LowRankNormal
from latentia.families.multinomial import Multinomial
from latentia.families.negative_binomial import NegativeBinomial
from latentia.families.normal import Normal
from latentia.families.normal_mixture import NormalMixture
from latentia.families.one_hot import OneHot
from latentia.families.one_hot_blocks import OneHotBlocks
from latentia.families.poisson import Poisson
from latentia.families.zero_inflated_negative_binomial import ZeroInflatedNegativeBinomial

FAMILIES: dict[str, type[Family]] = {
    "bernoulli": Bernoulli,
    "continuous-bernoulli": ContinuousBernoulli,
    "normal": Normal,
    "laplace": Laplace,
    "categorical": Categorical,
    "multinomial": Multinomial,
    "discretized-logistic": DiscretizedLogistic,
    "diagonal-normal": DiagonalNormal,
    "full-rank-normal": FullRankNormal,
    "low-rank-normal": LowRankNormal,
    "flow": Flow,
    "inverse-autoregressive": InverseAutoregressive,
    "continuous-flow": ContinuousFlow,
    "normal-mixture": NormalMixture,
    "one-hot-blocks": OneHotBlocks,
    "one-hot": OneHot,
    "columns": Columns,
    "poisson": Poisson,
    "negative-binomial": NegativeBinomial,
    "zero-inflated-negative-binomial": ZeroInflatedNegativeBinomial,
    "beta": Beta,
}

__all__ = [
    "FAMILIES",
    "Bernoulli",
    "Beta",
    "Categorical",
    "Columns",
    "ContinuousBernoulli",
    "ContinuousFlow",
    "DiagonalNormal",
    "DiscretizedLogistic",
    "Family",
    "Flow",
    "FullRankNormal",
    "InverseAutoregressive",
    "Laplace",
    "LowRankNormal",
    "Multinomial",
    "NegativeBinomial",
    "Normal",
    "NormalMixture",
    "OneHot",
    "OneHotBlocks",
    "Poisson",
    "ZeroInflatedNegativeBinomial",
]
