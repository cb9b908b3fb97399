"""What holds of every named data set, on files of the published shapes that stand in for the published ones.

A row of a stand-in carries its own number, so that a row which is lost, doubled or put in two splits is seen.
"""

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from latentia.data import DATASETS, SPLIT_NAMES, Dataset, adult, load_data, sources

WriteIdx = Callable[[Path, np.ndarray], Path]
SIZES = {
    "digits": (1_437, 180, 180),
    "mnist": (50_000, 10_000, 10_000),
    "fashion_mnist": (50_000, 10_000, 10_000),
    "binarized_mnist": (50_000, 10_000, 10_000),
    "omniglot": (180, 20, 100),
    "frey_faces": (1_572, 197, 196),
    "oil_flow": (1_000, 1_000, 1_000),
    "newsgroups_w100": (12_994, 1_624, 1_624),
    "bars": (8_000, 1_000, 1_000),
    "overlapping_bars": (8_000, 1_000, 1_000),
    "adult": (800, 100, 450),  # the stand-in is smaller
    "starmap": (2_963, 371, 370),
}
USUAL_X_SHAPE = (1, 28, 28)
X_SHAPES = {
    "digits": (1, 8, 8),
    "frey_faces": (1, 28, 20),
    "oil_flow": (12,),
    "newsgroups_w100": (100,),
    "bars": (1, 4, 4),
    "overlapping_bars": (1, 4, 4),
    "adult": (9,),
    "starmap": (158,),
}
USUAL_LEVELS, LEVELS = 256, {"digits": 17, "binarized_mnist": 2, "oil_flow": None, "newsgroups_w100": 2}
LEVELS |= {"bars": 2, "overlapping_bars": 2, "adult": None, "starmap": None}
USUAL_BINARIZE, BINARIZE = "none", {"digits": "dynamic", "mnist": "dynamic", "omniglot": "dynamic"}
UNLABELLED = {"frey_faces", "overlapping_bars"}
# Drawn from a law over so few images that rows repeat by right.
DRAWN = {"bars", "overlapping_bars"}
every_set = pytest.mark.parametrize("name", DATASETS)


def numbered(n: int, *shape: int, first: int = 0) -> np.ndarray:
    """Bytes (n, *shape), no two rows alike, from 0 to 255."""
    flat = np.zeros((n, int(np.prod(shape))), np.uint8)
    for place in range(3):
        flat[:, place] = np.arange(first, first + n) // 256**place % 256
    flat[:, -1] = 255
    return flat.reshape(n, *shape)


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory: pytest.TempPathFactory, write_idx: WriteIdx) -> Path:
    """A LATENTIA_DATA folder with a file for every set that needs one."""
    root = tmp_path_factory.mktemp("stand_ins")
    for name in ("mnist", "binarized_mnist", "omniglot", "frey_faces", "oil_flow", "newsgroups_w100", "adult", "starmap"):
        (root / name).mkdir()
    for part, n, first in (("train", 60_000, 0), ("t10k", 10_000, 60_000)):
        write_idx(root / "mnist" / f"{part}-images-idx3-ubyte.gz", numbered(n, 28, 28, first=first))
        write_idx(root / "mnist" / f"{part}-labels-idx1-ubyte.gz", np.arange(n) % 10)
    shutil.copytree(root / "mnist", root / "fashion_mnist")
    bits = {}
    for i, (part, n) in enumerate(zip(SPLIT_NAMES, SIZES["binarized_mnist"], strict=True)):
        bits |= {part: numbered(n, 98, first=50_000 * i), f"{part}_label": np.arange(n) % 10}
    np.savez(root / "binarized_mnist" / "binarized_mnist.npz", **bits)
    np.savez(
        root / "omniglot" / "omniglot_28x28.npz",
        images=numbered(300, 28, 28),
        is_evaluation=(np.arange(300) % 3 == 0).astype(np.uint8),
        alphabet=(np.arange(300) % 4).astype(np.uint8),
        alphabet_names=np.array(["Alpha", "Beta", "Gamma", "Delta"]),
    )
    np.savez(root / "frey_faces" / "frey_faces.npz", images=numbered(1_965, 28, 20))
    oil = {}
    for i, part in enumerate(("Trn", "Vdn", "Tst")):
        readings = np.arange(12_000.0).reshape(1_000, 12) - 20_000 * i
        oil |= {f"Data{part}": readings, f"Data{part}Lbls": np.eye(3)[np.arange(1_000) % 3]}
    np.savez(root / "oil_flow" / "oil_flow.npz", **oil)
    np.savez(
        root / "newsgroups_w100" / "20news_w100.npz",
        documents=np.unpackbits(numbered(16_242, 13), axis=1)[:, :100],
        newsgroups=np.arange(16_242) % 4,
        wordlist=np.array([f"word {w}" for w in range(100)]),
        groupnames=np.array(["comp.*", "rec.*", "sci.*", "talk.*"]),
    )
    for part, n, first in (("data", 900, 0), ("test", 450, 900)):
        lines = [f"{20 + i % 50}, {'?' if i % 9 == 0 else 'Private'}, {i}, {'AB'[i % 2]}, 1, {'XY'[i % 3 == 0]}, J, K, L, "
                 f"{'Male' if i % 3 else 'Female'}, {0 if i % 4 else i}, 0, {40 if i % 2 else i % 60}, U, "
                 f"{'>' if i % 4 == 0 else '<='}50K{'.' * (part == 'test')}" for i in range(first, first + n)]  # fmt: skip
        text = "|1x3 Cross validator\n" * (part == "test") + "\n".join(lines) + "\n\n"
        (root / "adult" / f"adult.{part}.gz").write_bytes(gzip.compress(text.encode()))
    counts = numbered(3_704, 158).astype(np.uint16)
    np.savez(
        root / "starmap" / "starmap_mpfc.npz",
        counts=counts,
        genes=np.array([f"gene {g}" for g in range(158)]),
        cluster=np.array(["Astro", "Endo", "NA"])[np.arange(3_704) % 3],
    )
    return root


@pytest.fixture(autouse=True)
def on_the_shelf(stand_ins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(sources.VARIABLE, str(stand_ins))
    monkeypatch.setattr(adult, "N_TRAIN", 900)
    monkeypatch.setattr(adult, "N_TEST", 450)


def values(data: Dataset) -> Tensor:
    return torch.cat([data.split(name).values() for name in SPLIT_NAMES])


@every_set
def test_what_is_stated(name: str) -> None:
    entry, data = DATASETS[name], load_data(name)
    assert data.name == name
    assert tuple(len(data.split(part)) for part in SPLIT_NAMES) == SIZES[name]
    assert tuple(data.x_shape) == X_SHAPES.get(name, USUAL_X_SHAPE)
    assert entry.binarize == data.binarize == BINARIZE.get(name, USUAL_BINARIZE)
    assert entry.about
    assert "\n" not in entry.about
    assert all(form for form in entry.files)
    assert load_data(name, "none").levels == entry.levels == LEVELS.get(name, USUAL_LEVELS)


@every_set
def test_splits_are_disjoint(name: str) -> None:
    data = load_data(name, "none")
    rows = values(data).flatten(1)
    if name in DRAWN:
        pytest.skip("rows repeat by right; each is a draw of its own")
    assert len(rows.unique(dim=0)) == len(rows) == sum(SIZES[name])


@every_set
def test_loading_twice_gives_the_same_and_leaves_the_caller_alone(name: str) -> None:
    before = torch.get_rng_state()
    first = load_data(name)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    second = load_data(name)
    for part in SPLIT_NAMES:
        one, other = first.split(part), second.split(part)
        assert torch.equal(one.stored, other.stored)
        assert (one.labels is None) == (name in UNLABELLED)
        if one.labels is not None:
            assert other.labels is not None
            assert torch.equal(one.labels, other.labels)


@every_set
def test_every_row_can_be_shown_to_a_person(name: str) -> None:
    data = load_data(name)
    assert data.is_image or len(data.x_shape) == 1
    for part in SPLIT_NAMES:
        labels = data.split(part).labels
        if labels is not None:
            assert data.label_names is not None
            assert len(labels) == len(data.split(part))
            assert int(labels.min()) >= 0
            assert int(labels.max()) < len(data.label_names)


@every_set
def test_values_lie_on_the_stated_levels(name: str) -> None:
    data = load_data(name, "none")
    for part in SPLIT_NAMES:
        x = data.split(part).values()
        assert bool(torch.isfinite(x).all())
        if data.levels is not None:
            cells = x * (data.levels - 1)
            assert float((cells - cells.round()).abs().max()) < 1e-4
            assert float(cells.min()) == 0
            assert float(cells.max()) == data.levels - 1


@every_set
def test_batches_cover_the_train_split(name: str) -> None:
    train = load_data(name).train
    sizes = [len(batch.x) for batch in train.batches(999)]
    assert sum(sizes) == len(train)
    assert sizes[-1] == (len(train) % 999 or 999)


@every_set
def test_it_loads_from_files_of_its_own_or_says_which_it_lacks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(sources.VARIABLE)
    entry = DATASETS[name]
    if not entry.forms:
        assert len(load_data(name).train) > 0
        return
    with pytest.raises(ValueError, match="not found on this machine") as caught:
        load_data(name)
    message = str(caught.value)
    assert "\n" not in message
    assert any(all(file in message for file in form) for form in entry.files)
    assert f"$LATENTIA_DATA/{name}/" in message
    assert "http" in message


@every_set
def test_a_folder_stands_in_for_the_cache(name: str, stand_ins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no published checksum is read from there as it is; the rest must be what was published."""
    monkeypatch.delenv(sources.VARIABLE)
    if name in ("mnist", "fashion_mnist"):
        with pytest.raises(ValueError, match=r"train-images-idx3-ubyte\.gz is not the published"):
            load_data(name, folder=stand_ins)
    else:
        assert len(load_data(name, folder=stand_ins).train) == SIZES[name][0]


def test_explicit_binarization_overrides_the_usual_one() -> None:
    assert load_data("digits", "static").binarize == "static"
    assert load_data("digits", "none").levels == 17
    assert load_data("fashion_mnist", "dynamic").levels == 2


def test_an_unknown_name_or_binarization_is_refused(refused: Callable) -> None:
    with refused("there is no data set 'fashion-mnist'; did you mean 'fashion_mnist'?"):
        load_data("fashion-mnist")
    with refused(f"there is no data set 'cifar'; known: {', '.join(DATASETS)}"):
        load_data("cifar")
    with refused("binarize is 'Dynamic'; did you mean 'dynamic'?"):
        load_data("digits", "Dynamic")  # pyright: ignore[reportArgumentType]  # what a caller without types may write


@pytest.mark.parametrize("how", ["static", "dynamic"])
def test_what_cannot_be_binarized_is_refused(how: str, refused: Callable) -> None:
    with refused(
        f"the values of 'binarized_mnist' are bits already, binarize={how!r} would change nothing; use binarize='none', or "
        "data with grey levels."
    ):
        load_data("binarized_mnist", how)  # pyright: ignore[reportArgumentType]  # one of the literals
    with refused(
        f"binarize={how!r} reads values as probabilities, 'oil_flow' runs from 0 to 11999 in train; scale it to [0, 1] or "
        "use binarize='none'."
    ):
        load_data("oil_flow", how)  # pyright: ignore[reportArgumentType]  # one of the literals
