"""Data by name or from arrays: raw file -> Dataset -> Split -> Batch."""

from latentia.data.dataset import SPLIT_NAMES, Binarize, Dataset, from_arrays, from_splits
from latentia.data.split import Split

__all__ = ["SPLIT_NAMES", "Binarize", "Dataset", "Split", "from_arrays", "from_splits"]
