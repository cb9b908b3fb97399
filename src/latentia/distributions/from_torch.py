"""Rows of the table for the distributions that torch has.

How each is reparameterized is sorted as by Kingma & Welling (2014), Auto-encoding variational Bayes, section 2.4, and, where
only the derivative of a draw is known and not its formula, by Figurnov, Mohamed & Mnih (2018), Implicit reparameterization
gradients.
"""

from torch import Tensor
from torch.distributions import (
    Beta,
    Cauchy,
    Chi2,
    Dirichlet,
    Exponential,
    FisherSnedecor,
    Gamma,
    Gumbel,
    Kumaraswamy,
    Laplace,
    LogNormal,
    Normal,
    Pareto,
    RelaxedOneHotCategorical,
    StudentT,
    Uniform,
    Weibull,
)

from latentia.distributions.entry import Entry, How

# Of the relaxed distribution, which is a family of its own at each temperature.
TEMPERATURE = 0.7

KINGMA = "Kingma & Welling (2014), Auto-encoding variational Bayes, sec. 2.4"
FIGURNOV = "Figurnov, Mohamed & Mnih (2018), Implicit reparameterization gradients"
JOHNSON_1 = "Johnson, Kotz & Balakrishnan (1994), Continuous Univariate Distributions 1"
JOHNSON_2 = "Johnson, Kotz & Balakrishnan (1995), Continuous Univariate Distributions 2"
MADDISON = "Maddison, Mnih & Teh (2017), The concrete distribution"


def relaxed_one_hot_categorical(logits: Tensor) -> RelaxedOneHotCategorical:
    """The concrete distribution at temperature 0.7: logits (..., K) -> a draw from the simplex (..., K)."""
    return RelaxedOneHotCategorical(logits.new_tensor(TEMPERATURE), logits=logits)


TORCH: dict[str, Entry] = {
    "normal": Entry(
        Normal,
        How.LOCATION_SCALE,
        "loc + scale · eps, eps ~ N(0, 1)",
        KINGMA + "; scale is the standard deviation: some lecture notes print sigma squared there, which is the variance",
        typical={"loc": [-1.0, 0.5], "scale": [0.4, 2.0]},
        extreme={"loc": [-1e4, 0.0, 1e4], "scale": [1e-4, 1e4, 1.0]},
        invalid={"scale": [-1.0, 1.0]},
    ),
    "laplace": Entry(
        Laplace,
        How.LOCATION_SCALE,
        "loc - scale · sign(u) log(1 - |u|), u ~ U(-1, 1)",
        KINGMA + "; " + JOHNSON_2 + ", ch. 24",
        typical={"loc": [-1.0, 0.5], "scale": [0.4, 2.0]},
        extreme={"loc": [-1e4, 0.0, 1e4], "scale": [1e-4, 1e4, 1.0]},
        invalid={"scale": [-1.0, 1.0]},
    ),
    "student-t": Entry(
        StudentT,
        How.COMPOSITION,
        "loc + scale · eps / sqrt(g / df), eps ~ N(0, 1), g ~ chi2(df)",
        KINGMA + "; " + JOHNSON_2 + ", ch. 28",
        typical={"df": [5.0, 9.0], "loc": [-1.0, 0.5], "scale": [0.4, 2.0]},
        extreme={"df": [0.5, 2.0, 1e4], "loc": [0.0, -1e4, 1e4], "scale": [1e4, 1.0, 1e-4]},
        invalid={"df": [-1.0, 9.0], "scale": [-1.0, 1.0]},
    ),
    "cauchy": Entry(
        Cauchy,
        How.INVERSE_CDF,
        "loc + scale · tan(pi (u - 1/2))",
        KINGMA + "; " + JOHNSON_1 + ", ch. 16",
        typical={"loc": [-1.0, 0.5], "scale": [0.4, 2.0]},
        extreme={"loc": [-1e4, 0.0, 1e4], "scale": [1e-4, 1e4, 1.0]},
        invalid={"scale": [-1.0, 1.0]},
    ),
    "uniform": Entry(
        Uniform,
        How.INVERSE_CDF,
        "low + u · (high - low)",
        KINGMA + "; " + JOHNSON_2 + ", ch. 26",
        typical={"low": [-1.0, 0.5], "high": [2.0, 1.5]},
        extreme={"low": [-1e4, 0.0, 1.0], "high": [1e4, 1e-4, 2.0]},
        invalid={"low": [3.0, 0.5], "high": [-2.0, 1.5]},
    ),
    "exponential": Entry(
        Exponential,
        How.INVERSE_CDF,
        "-log(u) / rate",
        KINGMA + "; " + JOHNSON_1 + ", ch. 19",
        typical={"rate": [0.5, 2.0]},
        extreme={"rate": [1e-4, 1e4, 1.0]},
        invalid={"rate": [-1.0, 1.0]},
    ),
    "gumbel": Entry(
        Gumbel,
        How.INVERSE_CDF,
        "loc - scale · log(-log(u))",
        KINGMA + "; " + JOHNSON_2 + ", ch. 22",
        typical={"loc": [-1.0, 0.5], "scale": [0.4, 2.0]},
        extreme={"loc": [-1e4, 0.0, 1e4], "scale": [1e-4, 1e4, 1.0]},
        invalid={"scale": [-1.0, 1.0]},
    ),
    "weibull": Entry(
        Weibull,
        How.INVERSE_CDF,
        "scale · (-log(u))^(1 / concentration)",
        KINGMA + "; " + JOHNSON_1 + ", ch. 21",
        typical={"scale": [0.5, 2.0], "concentration": [1.5, 3.0]},
        extreme={"scale": [1e-4, 1e4, 1.0], "concentration": [0.5, 1.0, 1e4]},
        invalid={"scale": [-1.0, 1.0], "concentration": [-1.0, 1.0]},
    ),
    "pareto": Entry(
        Pareto,
        How.INVERSE_CDF,
        "scale · u^(-1 / alpha)",
        KINGMA + "; " + JOHNSON_1 + ", ch. 20",
        typical={"scale": [0.5, 2.0], "alpha": [3.0, 6.0]},
        extreme={"scale": [1e-4, 1e4, 1.0], "alpha": [0.5, 1.0, 1e4]},
        invalid={"scale": [-1.0, 1.0], "alpha": [-1.0, 1.0]},
    ),
    "log-normal": Entry(
        LogNormal,
        How.COMPOSITION,
        "exp(loc + scale · eps), eps ~ N(0, 1)",
        KINGMA + "; " + JOHNSON_1 + ", ch. 14",
        typical={"loc": [-1.0, 0.5], "scale": [0.3, 0.6]},
        extreme={"loc": [-10.0, 0.0, 10.0], "scale": [1e-4, 10.0, 1.0]},
        invalid={"scale": [-1.0, 1.0]},
    ),
    "gamma": Entry(
        Gamma,
        How.IMPLICIT,
        "g / rate, g ~ gamma(concentration, 1); dg/dconcentration = -(dF/dconcentration) / p(g)",
        FIGURNOV,
        typical={"concentration": [1.5, 4.0], "rate": [0.5, 2.0]},
        extreme={"concentration": [1e-3, 1e4, 1.0], "rate": [1e-4, 1e4, 1.0]},
        invalid={"concentration": [-1.0, 1.0], "rate": [-1.0, 1.0]},
    ),
    "beta": Entry(
        Beta,
        How.IMPLICIT,
        "g1 / (g1 + g0), g ~ gamma(concentration, 1); the gradient is that of the implicit rule",
        FIGURNOV,
        typical={"concentration1": [2.0, 4.0], "concentration0": [3.0, 1.5]},
        extreme={"concentration1": [1e-2, 1e4, 1.0], "concentration0": [1e-2, 1e4, 1e4]},
        invalid={"concentration1": [-1.0, 1.0], "concentration0": [-1.0, 1.0]},
    ),
    "dirichlet": Entry(
        Dirichlet,
        How.IMPLICIT,
        "g / sum(g), g_k ~ gamma(concentration_k, 1); the gradient is that of the implicit rule",
        FIGURNOV,
        typical={"concentration": [[2.0, 1.5, 3.0], [4.0, 2.0, 2.5]]},
        extreme={"concentration": [[1e-2, 1e-2, 1e-2], [1e4, 1e4, 1e4], [1e-2, 1.0, 1e4]]},
        invalid={"concentration": [[-1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]},
    ),
    "chi2": Entry(
        Chi2,
        How.IMPLICIT,
        "2 · g, g ~ gamma(df / 2, 1); dg/ddf is that of the implicit rule",
        FIGURNOV,
        typical={"df": [3.0, 8.0]},
        extreme={"df": [1e-3, 1e4, 1.0]},
        invalid={"df": [-1.0, 1.0]},
    ),
    "fisher-snedecor": Entry(
        FisherSnedecor,
        How.COMPOSITION,
        "(g1 / df1) / (g2 / df2), g ~ chi2(df)",
        JOHNSON_2 + ", ch. 27; " + FIGURNOV,
        typical={"df1": [5.0, 8.0], "df2": [10.0, 14.0]},
        extreme={"df1": [0.5, 1e4, 1.0], "df2": [1.0, 1e4, 100.0]},
        invalid={"df1": [-1.0, 1.0], "df2": [-1.0, 1.0]},
    ),
    "kumaraswamy": Entry(
        Kumaraswamy,
        How.INVERSE_CDF,
        "(1 - u^(1 / concentration0))^(1 / concentration1)",
        "Kumaraswamy (1980), A generalized probability density function for double-bounded random processes",
        typical={"concentration1": [2.0, 1.5], "concentration0": [3.0, 2.0]},
        extreme={"concentration1": [1.0, 2.0, 10.0], "concentration0": [10.0, 2.0, 1.0]},
        invalid={"concentration1": [-1.0, 1.0], "concentration0": [-1.0, 1.0]},
    ),
    "relaxed-one-hot-categorical": Entry(
        relaxed_one_hot_categorical,
        How.COMPOSITION,
        "softmax((logits - log(-log(u))) / temperature)",
        MADDISON + "; Jang, Gu & Poole (2017), Categorical reparameterization with Gumbel-softmax",
        typical={"logits": [[0.5, -0.5, 0.0], [1.0, 0.0, 0.3]]},
        extreme={"logits": [[20.0, -20.0, 0.0], [-20.0, -20.0, 20.0], [0.0, 0.0, 0.0]]},
        invalid={"logits": [[float("nan"), 0.0, 0.0], [0.0, 0.0, 0.0]]},
    ),
}
