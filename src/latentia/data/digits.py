"""Handwritten digits, 8 x 8 (Alpaydin & Kaynak, Optical Recognition of Handwritten Digits, 1998), from scikit-learn."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from latentia.data.cut import cut
from latentia.data.dataset import Dataset, from_splits
from latentia.data.named import Named
from latentia.data.split import Split

LEVELS = 17


def load_digits(folder: str | Path | None = None) -> Dataset:
    """1,797 images (1, 8, 8) in grey levels k / 16, cut by a fixed seed into 1,437 / 180 / 180; no file is needed."""
    del folder  # the rows come with scikit-learn
    table = _bundled()
    stored = torch.from_numpy(table[:, :-1].astype(np.uint8)).reshape(-1, 1, 8, 8)
    whole = Split(stored, 1 / (LEVELS - 1), labels=torch.from_numpy(table[:, -1].astype(np.int64)))
    return from_splits("digits", *cut(whole), levels=LEVELS, label_names=tuple("0123456789"))


def _bundled() -> np.ndarray:
    """(1797, 65) pixels and a label, from scikit-learn's file; to import scikit-learn would take a second of each start."""
    found = find_spec("sklearn")
    file = Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz" if found and found.origin else None
    if file and file.exists():
        return np.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits as bundled

    images, labels = bundled(return_X_y=True)
    return np.column_stack((images, labels))


DIGITS = Named(
    load_digits, "1,797 handwritten digits, 8 x 8, 17 grey levels; needs no download", binarize="dynamic", levels=LEVELS
)
