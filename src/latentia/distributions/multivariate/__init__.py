"""Distributions of vectors."""

from latentia.distributions.entry import Entry
from latentia.distributions.multivariate.elliptical import (
    ELLIPTICAL_LAPLACE,
    ELLIPTICAL_NORMAL,
    ELLIPTICAL_STUDENT_T,
    Elliptical,
    elliptical_laplace,
    elliptical_normal,
    elliptical_student_t,
)
from latentia.distributions.multivariate.normal_mixture import NORMAL_MIXTURE, NormalMixture
from latentia.distributions.multivariate.radial import LaplaceRadius, NormalRadius, Radial, StudentTRadius
from latentia.distributions.multivariate.sphere import HYPERSPHERICAL_UNIFORM, HypersphericalUniform, unit_vector
from latentia.distributions.multivariate.von_mises_fisher import VON_MISES_FISHER, VonMisesFisher

MULTIVARIATE: dict[str, Entry] = {
    "elliptical-normal": ELLIPTICAL_NORMAL,
    "elliptical-student-t": ELLIPTICAL_STUDENT_T,
    "elliptical-laplace": ELLIPTICAL_LAPLACE,
    "hyperspherical-uniform": HYPERSPHERICAL_UNIFORM,
    "von-mises-fisher": VON_MISES_FISHER,
    "normal-mixture": NORMAL_MIXTURE,
}

__all__ = [
    "MULTIVARIATE",
    "Elliptical",
    "HypersphericalUniform",
    "LaplaceRadius",
    "NormalMixture",
    "NormalRadius",
    "Radial",
    "StudentTRadius",
    "VonMisesFisher",
    "elliptical_laplace",
    "elliptical_normal",
    "elliptical_student_t",
    "unit_vector",
]
