"""MNIST with every pixel drawn as a bit once and for all (Salakhutdinov & Murray 2008; Larochelle & Murray 2011)."""

from pathlib import Path

import numpy as np
import torch

from latentia.core.errors import DataError
from latentia.data.cut import SPLIT_NAMES
from latentia.data.dataset import Dataset, from_splits
from latentia.data.named import Named
from latentia.data.readers import CURE, Array, read_bit_lines, read_npz
from latentia.data.sources import File, locate
from latentia.data.split import Split

N_ROWS = {"train": 50_000, "valid": 10_000, "test": 10_000}
N_PIXELS = 784
ADDRESS = "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist"
PACKED = File("binarized_mnist.npz")
LINES = {
    "train": File(
        "binarized_mnist_train.amat",
        f"{ADDRESS}/binarized_mnist_train.amat",
        "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d",
    ),
    "valid": File(
        "binarized_mnist_valid.amat",
        f"{ADDRESS}/binarized_mnist_valid.amat",
        "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2",
    ),
    "test": File(
        "binarized_mnist_test.amat",
        f"{ADDRESS}/binarized_mnist_test.amat",
        "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c",
    ),
}
FORMS = ((PACKED,), tuple(LINES.values()))


def load_binarized_mnist(folder: str | Path | None = None) -> Dataset:
    """70,000 images (1, 28, 28) of bits in the published splits, 50,000 / 10,000 / 10,000.

    ``binarized_mnist.npz`` (eight bits packed in a byte, with labels) is read where it is; the published text files hold
    the same bits and no labels.

    Raises:
        DataError: a file is missing or damaged.
    """
    paths = locate("binarized_mnist", FORMS, folder)
    if PACKED.name in paths:
        parts = _packed(paths[PACKED.name])
    else:
        parts = {part: _split(read_bit_lines(paths[file.name], N_ROWS[part], N_PIXELS)) for part, file in LINES.items()}
    names = None if parts["train"].labels is None else tuple("0123456789")
    return from_splits("binarized_mnist", parts["train"], parts["valid"], parts["test"], levels=2, label_names=names)


def _packed(path: Path) -> dict[str, Split]:
    want = {part: Array("bytes", (n, N_PIXELS // 8)) for part, n in N_ROWS.items()}
    want |= {f"{part}_label": Array("whole numbers", (n,)) for part, n in N_ROWS.items()}
    arrays = read_npz(path, want)
    for part in SPLIT_NAMES:
        labels = arrays[f"{part}_label"]
        if labels.min() < 0 or labels.max() > 9:
            raise DataError(f"{part}_label in {path} runs from {labels.min()} to {labels.max()}, wanted 0 to 9; {CURE}")
    return {
        part: _split(np.unpackbits(arrays[part], axis=1)[:, :N_PIXELS], arrays[f"{part}_label"].astype(np.int64))
        for part in SPLIT_NAMES
    }


def _split(bits: np.ndarray, labels: np.ndarray | None = None) -> Split:
    stored = torch.from_numpy(np.ascontiguousarray(bits)).reshape(-1, 1, 28, 28)
    return Split(stored, labels=None if labels is None else torch.from_numpy(labels))


BINARIZED_MNIST = Named(
    load_binarized_mnist, "MNIST as the fixed bits that most published figures use, 28 x 28", forms=FORMS, levels=2
)
