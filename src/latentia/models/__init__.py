"""Generative models by name."""

from latentia.models.base import (
    GenerativeModel,
    HasCoordinateAscent,
    HasExactMarginals,
    HasExactPosterior,
    HasMStep,
    HasNamedEvidence,
    HasNaturalGradient,
    HasRowBounds,
    HasSearchedPosterior,
)
from latentia.models.bayes_net import BayesNet
from latentia.models.bayesian_gaussian_mixture import BayesianGaussianMixture
from latentia.models.bayesian_linear_regression import BayesianLinearRegression
from latentia.models.bayesian_pca import BayesianPCA
from latentia.models.bernoulli_logit import BernoulliLogit
from latentia.models.bijections import ordered, positive_ordered
from latentia.models.decoded import Decoded, check_raw
from latentia.models.factor_analysis import FactorAnalysis
from latentia.models.gaussian_mixture import GaussianMixture
from latentia.models.latent_dirichlet import LatentDirichlet
from latentia.models.log_joint import LogJoint
from latentia.models.noisy_or import NoisyOr
from latentia.models.ppca import PPCA
from latentia.models.sigmoid_belief import SigmoidBeliefNetwork, as_conditionals, check_layers

MODELS: dict[str, type[GenerativeModel]] = {
    "decoded": Decoded,
    "ppca": PPCA,
    "factor-analysis": FactorAnalysis,
    "bernoulli-logit": BernoulliLogit,
    "noisy-or": NoisyOr,
    "bayes-net": BayesNet,
    "sigmoid-belief": SigmoidBeliefNetwork,
    "lda": LatentDirichlet,
}

__all__ = [
    "MODELS",
    "PPCA",
    "BayesNet",
    "BayesianGaussianMixture",
    "BayesianLinearRegression",
    "BayesianPCA",
    "BernoulliLogit",
    "Decoded",
    "FactorAnalysis",
    "GaussianMixture",
    "GenerativeModel",
    "HasCoordinateAscent",
    "HasExactMarginals",
    "HasExactPosterior",
    "HasMStep",
    "HasNamedEvidence",
    "HasNaturalGradient",
    "HasRowBounds",
    "HasSearchedPosterior",
    "LatentDirichlet",
    "LogJoint",
    "NoisyOr",
    "SigmoidBeliefNetwork",
    "as_conditionals",
    "check_layers",
    "check_raw",
    "ordered",
    "positive_ordered",
]
