"""Latentia's models as scikit-learn estimators: for pipelines, searches over parameters, and data frames."""

from latentia.sklearn.bayesian_pca import BayesianPCA
from latentia.sklearn.factor_analysis import FactorAnalysis
from latentia.sklearn.imputer import VAEImputer
from latentia.sklearn.outliers import VAEOutlierDetector
from latentia.sklearn.ppca import PPCA
from latentia.sklearn.vae import VAE

__all__ = ["PPCA", "VAE", "BayesianPCA", "FactorAnalysis", "VAEImputer", "VAEOutlierDetector"]
