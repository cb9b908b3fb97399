"""Handwritten characters of 50 alphabets, 28 x 28 (Lake, Salakhutdinov & Tenenbaum, Human-level concept learning, 2015)."""

from pathlib import Path

import numpy as np
import torch

from latentia.core.errors import DataError
from latentia.data.cut import cut
from latentia.data.dataset import Dataset, from_splits
from latentia.data.named import Named
from latentia.data.readers import CURE, Array, read_mat, read_npz
from latentia.data.sources import File, locate
from latentia.data.split import Split

RESIZED = File("omniglot_28x28.npz")
# The copy that published figures use. No checksum of it could be confirmed, so it is read where it is, never downloaded.
BURDA = File("chardata.mat", "https://github.com/yburda/iwae/raw/master/datasets/OMNIGLOT/chardata.mat")
FORMS = ((RESIZED,), (BURDA,))
SHARES = (0.9, 0.1, 0.0)  # of the rows for training: train, valid


def load_omniglot(folder: str | Path | None = None) -> Dataset:
    """32,460 characters (1, 28, 28), ink bright, labelled by alphabet.

    ``omniglot_28x28.npz``: bytes, resized by area; the 30 background alphabets are cut by a fixed seed into 17,352 train
    and 1,928 valid, the 20 evaluation alphabets are the 13,180 of test. ``chardata.mat`` (Burda, Grosse & Salakhutdinov,
    Importance weighted autoencoders, 2016): reals in [0, 1]; 24,345 cut into 21,911 train and 2,434 valid, 8,070 test,
    with all alphabets in each. Figures of the two are not comparable.

    Raises:
        DataError: the file is missing or damaged.
    """
    paths = locate("omniglot", FORMS, folder)
    return _resized(paths[RESIZED.name]) if RESIZED.name in paths else _burda(paths[BURDA.name])


def _resized(path: Path) -> Dataset:
    want = {
        "images": Array("bytes", (None, 28, 28)),
        "is_evaluation": Array("whole numbers", (None,)),
        "alphabet": Array("whole numbers", (None,)),
        "alphabet_names": Array("text", (None,)),
    }
    arrays = read_npz(path, want)
    images, held_out, alphabet = arrays["images"], arrays["is_evaluation"] != 0, arrays["alphabet"].astype(np.int64)
    if not len(images) == len(held_out) == len(alphabet):
        raise DataError(
            f"{path} has {len(images)} images, {len(held_out)} is_evaluation, {len(alphabet)} alphabet, not as many; {CURE}"
        )
    if held_out.all() or not held_out.any():
        raise DataError(f"{path} marks {held_out.sum()} of {len(held_out)} images as evaluation, wanted a part; {CURE}")
    names = tuple(str(name) for name in arrays["alphabet_names"])
    if alphabet.min() < 0 or alphabet.max() >= len(names):
        raise DataError(f"alphabet in {path} reaches {alphabet.max()}, and it names {len(names)} alphabets; {CURE}")
    rows = Split(torch.from_numpy(images).unsqueeze(1), 1 / 255, labels=torch.from_numpy(alphabet))
    background, evaluation = (rows.take(torch.from_numpy(np.flatnonzero(held_out == side))) for side in (False, True))
    train, valid, _ = cut(background, SHARES)
    return from_splits("omniglot", train, valid, evaluation, levels=256, label_names=names)


def _burda(path: Path) -> Dataset:
    want = {}
    for part in ("", "test"):
        want |= {f"{part}data": Array("numbers", (784, None)), f"{part}target": Array("numbers", (50, None))}
    arrays = read_mat(path, want)
    parts = []
    for part in ("", "test"):
        pixels, one_hot = arrays[f"{part}data"], arrays[f"{part}target"]
        if not 0 < pixels.shape[1] == one_hot.shape[1]:
            raise DataError(
                f"{path} has {pixels.shape[1]} {part}data and {one_hot.shape[1]} {part}target, wanted as many; {CURE}"
            )
        if not (pixels.min() >= 0 and pixels.max() <= 1):
            raise DataError(f"{part}data in {path} runs from {pixels.min():g} to {pixels.max():g}, wanted [0, 1]; {CURE}")
        # MATLAB counts down columns first
        images = torch.from_numpy(pixels.T.astype(np.float32)).reshape(-1, 1, 28, 28).mT.contiguous()
        parts.append(Split(images, labels=torch.from_numpy(one_hot.argmax(0))))
    train, valid, _ = cut(parts[0], SHARES)
    return from_splits("omniglot", train, valid, parts[1])


OMNIGLOT = Named(
    load_omniglot,
    "32,460 handwritten characters of 50 alphabets, 28 x 28, 256 grey levels",
    binarize="dynamic",
    forms=FORMS,
    levels=256,
)
