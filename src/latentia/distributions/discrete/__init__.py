"""Distributions of counts and of stored grey levels."""

from latentia.distributions.discrete.beta_binomial import BETA_BINOMIAL, BetaBinomial
from latentia.distributions.discrete.discretized_logistic import (
    DISCRETIZED_LOGISTIC,
    DiscretizedLogistic,
    grid_nats_to_bits,
)
from latentia.distributions.discrete.discretized_logistic_mixture import (
    DISCRETIZED_LOGISTIC_MIXTURE,
    DiscretizedLogisticMixture,
)
from latentia.distributions.discrete.log_off_bernoulli import LOG_OFF_BERNOULLI, LogOffBernoulli, log_one_minus_exp
from latentia.distributions.discrete.multinomial import MULTINOMIAL, MultinomialGivenTotal, log_orders
from latentia.distributions.discrete.negative_binomial import NEGATIVE_BINOMIAL, NegativeBinomial
from latentia.distributions.discrete.one_hot_blocks import (
    ONE_HOT_BLOCKS,
    OneHotBlocks,
    OneHotBlocksSupport,
    block_columns,
)
from latentia.distributions.discrete.zero_inflated import ZERO_INFLATED, ZeroInflated
from latentia.distributions.entry import Entry

DISCRETE: dict[str, Entry] = {
    "negative-binomial": NEGATIVE_BINOMIAL,
    "zero-inflated": ZERO_INFLATED,
    "beta-binomial": BETA_BINOMIAL,
    "discretized-logistic": DISCRETIZED_LOGISTIC,
    "discretized-logistic-mixture": DISCRETIZED_LOGISTIC_MIXTURE,
    "log-off-bernoulli": LOG_OFF_BERNOULLI,
    "one-hot-blocks": ONE_HOT_BLOCKS,
    "multinomial-given-total": MULTINOMIAL,
}

__all__ = [
    "DISCRETE",
    "BetaBinomial",
    "DiscretizedLogistic",
    "DiscretizedLogisticMixture",
    "LogOffBernoulli",
    "MultinomialGivenTotal",
    "NegativeBinomial",
    "OneHotBlocks",
    "OneHotBlocksSupport",
    "ZeroInflated",
    "block_columns",
    "grid_nats_to_bits",
    "log_one_minus_exp",
    "log_orders",
]
