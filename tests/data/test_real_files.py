"""The published files themselves, against numbers that are known of them; skipped where they are not on the machine."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from latentia.data import SPLIT_NAMES, Dataset, load_data
from latentia.data.binarized_mnist import LINES
from latentia.data.readers import read_bit_lines

Real = Callable[[str, str], Path]


def sizes(data: Dataset) -> tuple[int, ...]:
    return tuple(len(data.split(name)) for name in SPLIT_NAMES)


def labels(data: Dataset, name: str) -> Tensor:
    found = data.split(name).labels
    assert found is not None
    return found


def test_digits() -> None:
    data = load_data("digits", "none")
    counts = sum(labels(data, name).bincount(minlength=10) for name in SPLIT_NAMES)
    assert torch.equal(torch.as_tensor(counts), torch.tensor([178, 182, 177, 183, 181, 182, 181, 179, 174, 180]))


def test_mnist(real: Real) -> None:
    real("mnist", "train-images-idx3-ubyte.gz")
    data = load_data("mnist", "none")
    assert sizes(data) == (50_000, 10_000, 10_000)
    assert labels(data, "train")[:5].tolist() == [5, 0, 4, 1, 9]
    assert labels(data, "test").bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    mean = (5 * data.split("train").values().mean() + data.valid.values().mean()) / 6
    assert_close(float(mean), 0.1307, rtol=0, atol=5e-5)  # the mean that image recognition code subtracts


def test_binarized_mnist_holds_the_published_bits(real: Real, tmp_path: Path) -> None:
    """Written out as the published text, the bits have the published checksum; and that text is read back."""
    real("binarized_mnist", "binarized_mnist.npz")
    data = load_data("binarized_mnist")
    assert sizes(data) == (50_000, 10_000, 10_000)
    for name in SPLIT_NAMES:
        bits = data.split(name).stored.flatten(1).numpy()
        text = np.full((len(bits), 2 * 784), ord(" "), np.uint8)
        text[:, ::2] = bits + ord("0")
        text[:, -1] = ord("\n")
        assert hashlib.sha256(text.tobytes()).hexdigest() == LINES[name].sha256
        if name == "test":
            path = tmp_path / LINES[name].name
            path.write_bytes(text.tobytes())
            assert np.array_equal(read_bit_lines(path, 10_000, 784), bits)


def test_independent_bits_cost_the_published_nats_on_binarized_mnist(real: Real) -> None:
    """205.80 nats a test row when each pixel has its frequency in train: the figure that any model must beat.

    Half a count is added to each side, as a pixel of test is never on in train; that is what 0.01 allows for.
    """
    real("binarized_mnist", "binarized_mnist.npz")
    data = load_data("binarized_mnist")
    p = (data.split("train").values().double().sum(0) + 0.5) / (len(data.split("train")) + 1)
    x = data.test.values().double()
    nats = -(torch.xlogy(x, p) + torch.xlogy(1 - x, 1 - p)).flatten(1).sum(1).mean()
    assert_close(float(nats), 205.80, rtol=0, atol=1e-2)


def test_binarized_mnist_labels_belong_to_their_images(real: Real) -> None:
    """The mean image of each digit in train names about four of five rows of test; chance names one of ten."""
    real("binarized_mnist", "binarized_mnist.npz")
    data = load_data("binarized_mnist")
    x, y = data.split("train").values().flatten(1), labels(data, "train")
    means = torch.stack([x[y == digit].mean(0) for digit in range(10)])
    named = torch.cdist(data.test.values().flatten(1), means).argmin(1)
    assert 0.75 < float((named == labels(data, "test")).double().mean()) < 0.9


def test_omniglot(real: Real) -> None:
    real("omniglot", "omniglot_28x28.npz")
    data = load_data("omniglot", "none")
    assert sizes(data) == (17_352, 1_928, 13_180)
    assert data.label_names is not None
    assert len(data.label_names) == 50
    seen, held_out = set(labels(data, "train").tolist()), set(labels(data, "test").tolist())
    assert (len(seen), len(held_out), len(seen & held_out)) == (30, 20, 0)
    assert seen == set(labels(data, "valid").tolist())
    assert float(data.split("train").values().mean()) < 0.5  # ink is bright and rare


def test_frey_faces(real: Real) -> None:
    real("frey_faces", "frey_faces.npz")
    data = load_data("frey_faces")
    assert sizes(data) == (1_572, 197, 196)
    assert not data.train.draw_bits
    assert torch.cat([data.split(name).values() for name in SPLIT_NAMES]).mean() == pytest.approx(0.5, abs=0.15)


def linear_fit_error(x: Tensor, y: Tensor) -> float:
    """Root mean square of what a linear map with intercept leaves of y (N, D)."""
    inputs = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1)
    return float((y - inputs @ torch.linalg.lstsq(inputs, y).solution).square().mean().sqrt())


def test_the_classes_of_oil_flow_are_in_the_stated_order(real: Real) -> None:
    """Homogeneous flow is linear in the fractions; annular flow looks the same to a beam and its mirror image."""
    path = real("oil_flow", "oil_flow.npz")
    data = load_data("oil_flow")
    assert sizes(data) == (1_000, 1_000, 1_000)
    assert data.label_names == ("homogeneous", "annular", "stratified")
    fractions = torch.from_numpy(np.load(path, allow_pickle=False)["DataTrnFrctns"])
    x, y = data.split("train").values().double(), labels(data, "train")
    left = [linear_fit_error(fractions[y == flow], x[y == flow]) for flow in range(3)]
    assert left[0] < 0.07 < 0.1 < min(left[1], left[2])
    # readings 2, 6, 10 are three beams of one length, two of them across the pipe from each other
    spread = [float((x[y == flow][:, 2] - x[y == flow][:, 6]).square().mean().sqrt()) for flow in range(3)]
    assert spread[0] < 0.15
    assert spread[1] < 0.15
    assert spread[2] > 0.5


def test_newsgroups_keep_their_words_and_groups_together(real: Real) -> None:
    """The words that tell a group from the others are the ones anybody would name."""
    real("newsgroups_w100", "20news_w100.npz")
    data = load_data("newsgroups_w100")
    assert sizes(data) == (12_994, 1_624, 1_624)
    assert data.label_names == ("comp.*", "rec.*", "sci.*", "talk.*")
    counts = sum(labels(data, name).bincount(minlength=4) for name in SPLIT_NAMES)
    assert torch.equal(torch.as_tensor(counts), torch.tensor([4605, 3519, 2657, 5461]))
    x, y = data.split("train").values(), labels(data, "train")
    means = torch.stack([x[y == group].mean(0) for group in range(4)])
    assert data.value_names is not None
    for group, word in enumerate(("windows", "team", "space", "god")):
        at = data.value_names.index(word)
        assert int(means[:, at].argmax()) == group
