"""Latent variable models, and every way to infer what is hidden.

The names below load on first use, so that ``import latentia`` costs nothing by itself.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latentia.bounds import Elbo, Iwae, Renyi
    from latentia.core import Batch, LatentiaError
    from latentia.data import Dataset, Schema, from_arrays, infer_schema, known_model, load_data, read_data
    from latentia.evaluation import Evaluation
    from latentia.families import (
        Bernoulli,
        Categorical,
        ContinuousBernoulli,
        ContinuousFlow,
        DiagonalNormal,
        DiscretizedLogistic,
        Flow,
        FullRankNormal,
        InverseAutoregressive,
        Laplace,
        LowRankNormal,
        Multinomial,
        Normal,
        NormalMixture,
        OneHot,
        OneHotBlocks,
    )
    from latentia.ladder import climb
    from latentia.learners import (
        CoordinateAscent,
        ExpectationMaximization,
        NaturalGradient,
        ReweightedWakeSleep,
        Sleep,
        WakeSleep,
    )
    from latentia.models import (
        PPCA,
        BayesNet,
        BernoulliLogit,
        Decoded,
        FactorAnalysis,
        LatentDirichlet,
        LogJoint,
        NoisyOr,
        SigmoidBeliefNetwork,
    )
    from latentia.networks import ConvDecoder, ConvEncoder, mlp
    from latentia.posteriors import (
        Amortized,
        Clamped,
        Exact,
        Iterative,
        Layered,
        MeanField,
        PerDatum,
        SemiAmortized,
        VariationalFactor,
    )
    from latentia.priors import BernoulliPrior, Codes, LaplaceDirichlet, Mixture, StandardNormal, VampPrior
    from latentia.runs import Run, fit, fit_recipe, load
    from latentia.training import advi

__version__ = "0.1.0"

_HOMES = {
    "bounds": (
        "Elbo",
        "Iwae",
        "Renyi",
    ),
    "core": (
        "Batch",
        "LatentiaError",
    ),
    "data": (
        "Dataset",
        "Schema",
        "from_arrays",
        "infer_schema",
        "known_model",
        "load_data",
        "read_data",
    ),
    "evaluation": ("Evaluation",),
    "families": (
        "Bernoulli",
        "Categorical",
        "ContinuousBernoulli",
        "ContinuousFlow",
        "DiagonalNormal",
        "DiscretizedLogistic",
        "Flow",
        "FullRankNormal",
        "InverseAutoregressive",
        "Laplace",
        "LowRankNormal",
        "Multinomial",
        "Normal",
        "NormalMixture",
        "OneHot",
        "OneHotBlocks",
    ),
    "ladder": ("climb",),
    "learners": (
        "CoordinateAscent",
        "ExpectationMaximization",
        "NaturalGradient",
        "ReweightedWakeSleep",
        "Sleep",
        "WakeSleep",
    ),
    "models": (
        "BayesNet",
        "BernoulliLogit",
        "Decoded",
        "FactorAnalysis",
        "LatentDirichlet",
        "LogJoint",
        "NoisyOr",
        "PPCA",
        "SigmoidBeliefNetwork",
    ),
    "networks": (
        "ConvDecoder",
        "ConvEncoder",
        "mlp",
    ),
    "posteriors": (
        "Amortized",
        "Clamped",
        "Exact",
        "Iterative",
        "Layered",
        "MeanField",
        "PerDatum",
        "SemiAmortized",
        "VariationalFactor",
    ),
    "priors": (
        "BernoulliPrior",
        "Codes",
        "LaplaceDirichlet",
        "Mixture",
        "StandardNormal",
        "VampPrior",
    ),
    "runs": (
        "Run",
        "fit",
        "fit_recipe",
        "load",
    ),
    "training": ("advi",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "PPCA",
    "Amortized",
    "Batch",
    "BayesNet",
    "Bernoulli",
    "BernoulliLogit",
    "BernoulliPrior",
    "Categorical",
    "Clamped",
    "Codes",
    "ContinuousBernoulli",
    "ContinuousFlow",
    "ConvDecoder",
    "ConvEncoder",
    "CoordinateAscent",
    "Dataset",
    "Decoded",
    "DiagonalNormal",
    "DiscretizedLogistic",
    "Elbo",
    "Evaluation",
    "Exact",
    "ExpectationMaximization",
    "FactorAnalysis",
    "Flow",
    "FullRankNormal",
    "InverseAutoregressive",
    "Iterative",
    "Iwae",
    "Laplace",
    "LaplaceDirichlet",
    "LatentDirichlet",
    "LatentiaError",
    "Layered",
    "LogJoint",
    "LowRankNormal",
    "MeanField",
    "Mixture",
    "Multinomial",
    "NaturalGradient",
    "NoisyOr",
    "Normal",
    "NormalMixture",
    "OneHot",
    "OneHotBlocks",
    "PerDatum",
    "Renyi",
    "ReweightedWakeSleep",
    "Run",
    "Schema",
    "SemiAmortized",
    "SigmoidBeliefNetwork",
    "Sleep",
    "StandardNormal",
    "VampPrior",
    "VariationalFactor",
    "WakeSleep",
    "advi",
    "climb",
    "fit",
    "fit_recipe",
    "from_arrays",
    "infer_schema",
    "known_model",
    "load",
    "load_data",
    "mlp",
    "read_data",
]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'latentia' has no attribute {name!r}")
    return getattr(import_module(f"latentia.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
