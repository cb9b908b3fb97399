"""The table of distributions: what torch has and what it lacks, held to the same laws."""

from latentia.distributions.discrete import DISCRETE
from latentia.distributions.entry import Entry
from latentia.distributions.from_torch import TORCH
from latentia.distributions.multivariate import MULTIVARIATE
from latentia.distributions.structured import STRUCTURED
from latentia.distributions.univariate import UNIVARIATE

DISTRIBUTIONS: dict[str, Entry] = TORCH | UNIVARIATE | MULTIVARIATE | DISCRETE | STRUCTURED
