"""Each named set in each form of its files: what is read from them, and what is refused."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import scipy.sparse
import torch
from torch import Tensor
from torch.testing import assert_close

from latentia.data import SPLIT_NAMES, Dataset, binarized_mnist, load_data, mnist, newsgroups

Refused = Callable[..., Any]
WriteIdx = Callable[[Path, np.ndarray], Path]
CURE = "the file is damaged or of another data set, get it again."
RANDOM = np.random.default_rng(0)


def save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    np.savez(path, allow_pickle=False, **arrays)


def labels(data: Dataset, name: str) -> Tensor:
    found = data.split(name).labels
    assert found is not None
    return found


@pytest.fixture
def small_mnist(own: Path, write_idx: WriteIdx, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Fashion-MNIST of 6 + 2 + 3 images whose first pixel is their place."""
    for name, n in (("N_TRAIN", 6), ("N_VALID", 2), ("N_TEST", 3)):
        monkeypatch.setattr(mnist, name, n)
    folder = own / "fashion_mnist"
    for part, n in (("train", 8), ("t10k", 3)):
        images = np.zeros((n, 28, 28))
        images[:, 0, 0] = np.arange(n)
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", np.arange(n))
    return folder


def test_the_last_rows_for_training_are_valid_and_nothing_is_shuffled(small_mnist: Path) -> None:
    data = load_data("fashion_mnist")
    for name, rows in (("train", range(6)), ("valid", range(6, 8)), ("test", range(3))):
        assert data.split(name).stored[:, 0, 0, 0].tolist() == labels(data, name).tolist() == list(rows)
    assert data.label_names is not None
    assert data.label_names[0] == "T-shirt/top"
    assert data.label_names[9] == "Ankle boot"


def test_damaged_mnist(small_mnist: Path, write_idx: WriteIdx, refused: Refused) -> None:
    path = write_idx(small_mnist / "train-labels-idx1-ubyte.gz", np.arange(8) + 3)
    with refused(f"{path} holds label 10, wanted 0 to 9; {CURE}"):
        load_data("fashion_mnist")
    write_idx(path, np.arange(7))
    with refused(f"the array in {path} is uint8 (7), wanted bytes (8); {CURE}"):
        load_data("fashion_mnist")
    path = write_idx(small_mnist / "train-images-idx3-ubyte.gz", np.zeros((8, 32, 32)))
    with refused(f"the array in {path} is uint8 (8, 32, 32), wanted bytes (8, 28, 28); {CURE}"):
        load_data("fashion_mnist")
    path.write_bytes(path.read_bytes()[:20])
    with refused(f"{path} is not a whole gzip file (EOFError); {CURE}"):
        load_data("fashion_mnist")


@pytest.fixture
def bits(own: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """Binarized MNIST of 4 + 2 + 3 rows, not yet on disk."""
    monkeypatch.setattr(binarized_mnist, "N_ROWS", {"train": 4, "valid": 2, "test": 3})
    (own / "binarized_mnist").mkdir()
    return {name: RANDOM.integers(0, 2, (n, 784)).astype(np.uint8) for name, n in binarized_mnist.N_ROWS.items()}


def test_packed_bits_and_lines_of_bits_are_the_same_data(own: Path, bits: dict[str, np.ndarray]) -> None:
    folder = own / "binarized_mnist"
    for name, rows in bits.items():
        (folder / f"binarized_mnist_{name}.amat").write_text(
            "".join(" ".join(map(str, row)) + "\n" for row in rows.tolist())
        )
    from_lines = load_data("binarized_mnist")
    packed = {name: np.packbits(rows, axis=1) for name, rows in bits.items()}
    numbers = {f"{name}_label": np.arange(len(rows)) for name, rows in bits.items()}
    save(folder / "binarized_mnist.npz", packed | numbers)
    from_bytes = load_data("binarized_mnist")
    for name, rows in bits.items():
        assert np.array_equal(from_lines.split(name).stored.flatten(1).numpy(), rows)
        assert torch.equal(from_lines.split(name).stored, from_bytes.split(name).stored)
        assert from_lines.split(name).labels is None
        assert labels(from_bytes, name).tolist() == list(range(len(rows)))
    assert from_lines.label_names is None
    assert from_lines.levels == from_bytes.levels == 2


def test_damaged_packed_bits(own: Path, bits: dict[str, np.ndarray], refused: Refused) -> None:
    path = own / "binarized_mnist" / "binarized_mnist.npz"
    whole = {name: np.packbits(rows, axis=1) for name, rows in bits.items()}
    whole |= {f"{name}_label": np.zeros(len(rows), int) for name, rows in bits.items()}
    save(path, {**whole, "train": bits["train"]})
    with refused(f"train in {path} is uint8 (4, 784), wanted bytes (4, 98); {CURE}"):
        load_data("binarized_mnist")
    save(path, {**whole, "valid_label": np.array([0, 12])})
    with refused(f"valid_label in {path} runs from 0 to 12, wanted 0 to 9; {CURE}"):
        load_data("binarized_mnist")
    np.savez(path, train=whole["train"])
    with refused(f"{path} lacks valid, test, train_label, valid_label, test_label (it has train); {CURE}"):
        load_data("binarized_mnist")


def omniglot(**changed: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "images": RANDOM.integers(0, 256, (20, 28, 28)).astype(np.uint8),
        "is_evaluation": np.arange(20) % 2,
        "alphabet": np.arange(20) % 2,
        "alphabet_names": np.array(["Greek", "Latin"]),
    } | changed


def test_omniglot_tests_on_the_evaluation_alphabets(own: Path) -> None:
    (own / "omniglot").mkdir()
    arrays = omniglot()
    save(own / "omniglot" / "omniglot_28x28.npz", arrays)
    data = load_data("omniglot", "none")
    assert (len(data.train), len(data.valid), len(data.test)) == (9, 1, 10)
    assert np.array_equal(data.test.stored[:, 0].numpy(), arrays["images"][1::2])
    assert labels(data, "test").unique().tolist() == [1]
    assert labels(data, "train").unique().tolist() == [0]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"alphabet": np.zeros(3, int)}, "{path} has 20 images, 20 is_evaluation, 3 alphabet, not as many; {CURE}"),
        ({"is_evaluation": np.ones(20, int)}, "{path} marks 20 of 20 images as evaluation, wanted a part; {CURE}"),
        ({"alphabet": np.arange(20)}, "alphabet in {path} reaches 19, and it names 2 alphabets; {CURE}"),
        (
            {"images": np.zeros((20, 105, 105), bool)},
            "images in {path} is bool (20, 105, 105), wanted bytes (N, 28, 28); {CURE}",
        ),
    ],
)
def test_damaged_omniglot(own: Path, changed: dict[str, np.ndarray], message: str, refused: Refused) -> None:
    path = own / "omniglot" / "omniglot_28x28.npz"
    path.parent.mkdir()
    save(path, omniglot(**changed))
    with refused(message.format(path=path, CURE=CURE)):
        load_data("omniglot")


def burda(path: Path, **changed: np.ndarray) -> np.ndarray:
    images = RANDOM.random((30, 28, 28))
    columns = images.transpose(0, 2, 1).reshape(30, 784).T  # MATLAB counts down columns first
    one_hot = np.eye(50)[np.arange(30)].T
    content = {
        "data": columns[:, :20],
        "target": one_hot[:, :20],
        "testdata": columns[:, 20:],
        "testtarget": one_hot[:, 20:],
    }
    path.parent.mkdir(exist_ok=True)
    scipy.io.savemat(path, content | changed)
    return images


def test_omniglot_as_burda_prepared_it(own: Path, refused: Refused) -> None:
    path = own / "omniglot" / "chardata.mat"
    images = torch.from_numpy(burda(path)).float()
    data = load_data("omniglot", "none")
    assert (len(data.train), len(data.valid), len(data.test)) == (18, 2, 10)
    assert data.levels is None
    for name in SPLIT_NAMES:
        assert_close(data.split(name).stored[:, 0], images[labels(data, name)], rtol=0, atol=0)
    assert load_data("omniglot").binarize == "dynamic"
    burda(path, data=np.full((784, 20), 2.0))
    with refused(f"data in {path} runs from 2 to 2, wanted [0, 1]; {CURE}"):
        load_data("omniglot")
    burda(path, testtarget=np.ones((50, 3)))
    with refused(f"{path} has 10 testdata and 3 testtarget, wanted as many; {CURE}"):
        load_data("omniglot")


def test_frey_faces_in_both_forms_are_the_same_data(own: Path, refused: Refused) -> None:
    folder = own / "frey_faces"
    folder.mkdir()
    images = RANDOM.integers(0, 256, (1965, 28, 20)).astype(np.uint8)
    scipy.io.savemat(folder / "frey_rawface.mat", {"ff": images.reshape(1965, 560).T})
    from_columns = load_data("frey_faces")
    np.savez(folder / "frey_faces.npz", images=images)
    from_images = load_data("frey_faces")
    for name in SPLIT_NAMES:
        assert torch.equal(from_columns.split(name).stored, from_images.split(name).stored)
    whole = {row.tobytes() for row in images}
    assert from_images.split("train").stored[0].numpy().tobytes() in whole
    np.savez(folder / "frey_faces.npz", images=images[:100])
    with refused(f"images in {folder / 'frey_faces.npz'} is uint8 (100, 28, 20), wanted bytes (1965, 28, 20); {CURE}"):
        load_data("frey_faces")


def oil(**changed: np.ndarray) -> dict[str, np.ndarray]:
    arrays = {}
    for part in ("Trn", "Vdn", "Tst"):
        arrays |= {f"Data{part}": RANDOM.normal(size=(1000, 12)), f"Data{part}Lbls": np.eye(3)[RANDOM.integers(0, 3, 1000)]}
    return arrays | changed


def test_oil_flow_in_both_forms_is_the_same_data(own: Path) -> None:
    folder, arrays = own / "oil_flow", oil()
    folder.mkdir()
    with tarfile.open(folder / "3PhData.tar.gz", "w:gz") as archive:
        for name, table in arrays.items():
            text = io.BytesIO()
            np.savetxt(text, table, delimiter="\t")
            member = tarfile.TarInfo(f"{name}.txt")
            member.size = text.tell()
            text.seek(0)
            archive.addfile(member, text)
    from_tables = load_data("oil_flow")
    save(folder / "oil_flow.npz", arrays)
    from_arrays = load_data("oil_flow")
    for name, part in zip(SPLIT_NAMES, ("Trn", "Vdn", "Tst"), strict=True):
        assert_close(from_arrays.split(name).stored, torch.from_numpy(arrays[f"Data{part}"]).float(), rtol=0, atol=0)
        assert_close(from_tables.split(name).stored, from_arrays.split(name).stored, rtol=0, atol=0)
        assert labels(from_tables, name).tolist() == labels(from_arrays, name).tolist()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"DataVdn": np.full((1000, 12), np.nan)}, "DataVdn in {path} is not finite everywhere; {CURE}"),
        ({"DataTstLbls": np.ones((1000, 3))}, "DataTstLbls in {path} must mark one class a row; {CURE}"),
        ({"DataTrn": np.zeros((1000, 2))}, "DataTrn in {path} is float64 (1000, 2), wanted numbers (1000, 12); {CURE}"),
    ],
)
def test_damaged_oil_flow(own: Path, changed: dict[str, np.ndarray], message: str, refused: Refused) -> None:
    path = own / "oil_flow" / "oil_flow.npz"
    path.parent.mkdir()
    save(path, oil(**changed))
    with refused(message.format(path=path, CURE=CURE)):
        load_data("oil_flow")


WORDS = np.array([f"w{i}" for i in range(100)])
GROUPS = np.array(["comp.*", "rec.*", "sci.*", "talk.*"])


@pytest.fixture
def postings(own: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """Newsgroups of 50 documents, not yet on disk."""
    monkeypatch.setattr(newsgroups, "N_DOCUMENTS", 50)
    (own / "newsgroups_w100").mkdir()
    documents = RANDOM.integers(0, 2, (50, 100)).astype(np.uint8)
    return {"documents": documents, "newsgroups": np.arange(50) % 4, "wordlist": WORDS, "groupnames": GROUPS}


def test_newsgroups_in_both_forms_are_the_same_data(own: Path, postings: dict[str, np.ndarray]) -> None:
    folder = own / "newsgroups_w100"
    cells = {key: postings[key].astype(object)[None] for key in ("wordlist", "groupnames")}
    columns = scipy.sparse.csc_matrix(postings["documents"].T.astype(float))
    bytes_from_one = (postings["newsgroups"][None] + 1).astype(np.uint8)
    scipy.io.savemat(folder / "20news_w100.mat", {"documents": columns, "newsgroups": bytes_from_one, **cells})
    from_matlab = load_data("newsgroups_w100")
    save(folder / "20news_w100.npz", postings)
    from_numpy = load_data("newsgroups_w100")
    for data in (from_matlab, from_numpy):
        assert data.value_names == tuple(WORDS)
        assert data.label_names == tuple(GROUPS)
    whole = {(group, row.tobytes()) for group, row in zip(postings["newsgroups"], postings["documents"], strict=True)}
    for name in SPLIT_NAMES:
        assert torch.equal(from_matlab.split(name).stored, from_numpy.split(name).stored)
        assert torch.equal(labels(from_matlab, name), labels(from_numpy, name))
        rows = zip(labels(from_numpy, name).tolist(), from_numpy.split(name).stored.numpy(), strict=True)
        assert {(group, row.tobytes()) for group, row in rows} <= whole


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"documents": np.full((50, 100), 2)}, "documents in {path} are not 0 and 1 everywhere; {CURE}"),
        ({"newsgroups": np.arange(50)}, "newsgroups in {path} runs from 0 to 49, wanted 0 to 3; {CURE}"),
        ({"wordlist": np.arange(100)}, "wordlist in {path} is int64 (100), wanted text (100); {CURE}"),
    ],
)
def test_damaged_newsgroups(
    own: Path, postings: dict[str, np.ndarray], changed: dict[str, np.ndarray], message: str, refused: Refused
) -> None:
    path = own / "newsgroups_w100" / "20news_w100.npz"
    save(path, postings | changed)
    with refused(message.format(path=path, CURE=CURE)):
        load_data("newsgroups_w100")
