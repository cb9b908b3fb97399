"""What each kind of source becomes: the same table from every format, arrays as they are, pictures by the stated rules."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.numpy import save_file

from latentia.data import Dataset, as_dataset, new_rows, read_data


def whole(data: Dataset) -> torch.Tensor:
    return torch.cat([data.split("train").values(), data.valid.values(), data.test.values()])


def test_one_table_in_every_format_is_one_data_set(tmp_path: Path, a_frame: Callable[[int], pd.DataFrame]) -> None:
    frame = a_frame(40)
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_csv(tmp_path / "a.tsv", index=False, sep="\t")
    frame.to_csv(tmp_path / "a.csv.gz", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_feather(tmp_path / "a.feather")
    frame.to_parquet(tmp_path / "misnamed.csv")
    want = read_data(frame, name="a")
    for path in sorted(tmp_path.iterdir()):
        data = read_data(path)
        assert data.schema == want.schema, path
        assert torch.equal(whole(data), whole(want))
        assert data.origin is not None
        assert data.origin.path == str(path)


def test_polars_and_pyarrow_frames(a_frame: Callable[[int], pd.DataFrame]) -> None:
    pa, pl = pytest.importorskip("pyarrow"), pytest.importorskip("polars")

    frame = a_frame(40)
    want = read_data(frame)
    for other in (pl.from_pandas(frame), pa.Table.from_pandas(frame)):
        data = as_dataset(other)
        assert torch.equal(whole(data), whole(want))
        assert data.schema is not None
        assert want.schema is not None
        assert [c.kind for c in data.schema.columns] == [c.kind for c in want.schema.columns]


def test_labels_groups_and_splits_are_kept_out_of_the_rows(a_frame: Callable[[int], pd.DataFrame]) -> None:
    frame = a_frame(40).assign(kind=list("ab") * 20, house=np.arange(40) // 4)
    data = read_data(frame, label="kind", group="house")
    assert data.schema is not None
    assert data.schema.n_values == 7
    assert dict(data.schema.dropped) == {"kind": "kept aside", "house": "kept aside"}
    assert data.label_names == ("a", "b")
    assert tuple(map(len, (data.train, data.valid, data.test))) == (32, 4, 4)
    fixed = read_data(frame.assign(s=["train"] * 30 + ["dev"] * 5 + ["test"] * 5), split="s")
    assert tuple(map(len, (fixed.train, fixed.valid, fixed.test))) == (30, 5, 5)


def test_files_for_the_splits(tmp_path: Path, a_frame: Callable[[int], pd.DataFrame]) -> None:
    frame = a_frame(40)
    for name, rows in (("train", frame[:30]), ("valid", frame[30:34]), ("test", frame[34:])):
        rows.to_csv(tmp_path / f"{name}.csv", index=False)
    folder = read_data(tmp_path)
    named = read_data(tmp_path / "train.csv", valid=tmp_path / "valid.csv", test=tmp_path / "test.csv")
    for data in (folder, named):
        assert tuple(map(len, (data.train, data.valid, data.test))) == (30, 4, 6)
    assert folder.origin is not None
    assert named.origin is not None
    assert folder.schema == named.schema
    assert torch.equal(whole(folder).sort(0).values, whole(named).sort(0).values)
    assert [(origin.fingerprint or {})["files"] for origin in (folder.origin, named.origin)] == [3, 3]
    held = read_data(tmp_path / "train.csv", test=tmp_path / "test.csv")
    assert tuple(map(len, (held.train, held.valid, held.test))) == (27, 3, 6)


def test_arrays(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, kind = rng.normal(size=(30, 4)).astype(np.float32), np.arange(30) % 3
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", features=x, y=kind)
    save_file({"x": x, "label": kind}, tmp_path / "x.safetensors")
    for name in ("x.npy", "x.npz", "x.safetensors"):
        data = read_data(tmp_path / name)
        assert np.array_equal(np.sort(whole(data).numpy(), 0), np.sort(x, 0))
        assert (data.train.labels is None) == (name == "x.npy")
        assert data.levels is None
        assert not data.counts


def test_what_values_are_taken_for(tmp_path: Path, refused: Any) -> None:
    rng = np.random.default_rng(0)
    cases: list[tuple[np.ndarray, int | None, bool]] = [
        (rng.integers(0, 2, (30, 4)), 2, False),
        (rng.integers(0, 2, (30, 4)).astype(float), 2, False),
        (rng.poisson(3, (30, 4)), None, True),
        (rng.poisson(3, (30, 4)).astype(np.float32), None, True),
        (rng.integers(0, 256, (30, 6, 5), dtype=np.uint8), 256, False),
        (rng.normal(size=(30, 4)), None, False),
    ]
    for array, levels, counts in cases:
        np.save(tmp_path / "x.npy", array)
        data = read_data(tmp_path / "x.npy")
        assert (data.levels, data.counts) == (levels, counts)
    np.save(tmp_path / "x.npy", rng.normal(size=(30, 4)).round())
    path = tmp_path / "x.npy"
    with pytest.raises(ValueError, match="holds values that are no counts"):
        read_data(path, reader="counts")
    spoilt = rng.normal(size=(30, 4))
    spoilt[3, 1] = spoilt[7, 2] = np.nan
    np.save(path, spoilt)
    with refused(
        "x is NaN in 2 of 120 values, first at [3, 1]; say nan='missing' if these were not seen, else correct them."
    ):
        read_data(path)
    data = read_data(path, nan="missing")
    assert data.notes == ("2 of 120 values are NaN and taken as missing.",)
    spoilt[3, 1] = np.inf
    np.save(path, spoilt[:5])
    with refused("x is infinite in 1 of 20 values, first at [3, 1]; correct them."):
        read_data(path)
    still = rng.normal(size=(30, 4))
    still[:, 2] = 7
    np.save(path, still)
    assert read_data(path).notes == (
        "1 of 4 columns are the same in every row (2); a likelihood with a spread of its own gains without end there, so "
        "leave them out.",
    )


def save_images(folder: Path, colours: dict[str, Any], size: tuple[int, int] = (6, 4)) -> None:
    for name, colour in colours.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = {1: "L", 3: "RGB", 4: "RGBA"}[len(colour)]
        fill: Any = colour if len(colour) > 1 else colour[0]
        Image.new(mode, size, fill).save(path)


def test_folders_become_labels_and_splits(tmp_path: Path) -> None:
    save_images(tmp_path / "one", {f"{kind}/{i}.png": (i,) for i, kind in enumerate("abcabcabc")})
    data = read_data(tmp_path / "one", splits=(1, 0, 0))
    assert data.label_names == ("a", "b", "c")
    train = data.split("train")
    assert train.labels is not None
    assert torch.equal(train.stored[:, 0, 0, 0] % 3, train.labels)
    assert data.x_shape == (1, 4, 6)
    places = [("train", "a"), ("train", "b"), ("val", "a"), ("test", "b")]
    save_images(tmp_path / "two", {f"{split}/{kind}/{i}.png": (i,) for i, (split, kind) in enumerate(places)})
    data = read_data(tmp_path / "two")
    assert tuple(map(len, (data.train, data.valid, data.test))) == (2, 1, 1)
    assert data.label_names == ("a", "b")


def test_modes_by_the_stated_rules(tmp_path: Path) -> None:
    save_images(tmp_path, {"a.png": (100,), "b.png": (200, 0, 0), "c.png": (0, 200, 0, 128)})
    data = read_data(tmp_path, splits=(1, 0, 0))
    assert data.notes == ("1 of 3 pictures are grey and the others are not: all are read in colour.",)
    rows = {tuple(row[:, 0, 0].tolist()) for row in data.split("train").stored}
    assert rows == {(100, 100, 100), (200, 0, 0), (0, 100, 0)}
    grey = read_data(tmp_path, splits=(1, 0, 0), colour="grey")
    assert grey.x_shape == (1, 4, 6)
    assert not grey.notes


ASPECTS = {"crop": [[50, 50], [50, 50]], "pad": [[29, 71], [0, 0]], "stretch": [[29, 71], [29, 71]]}


@pytest.mark.parametrize("aspect", ASPECTS)
def test_another_shape_is_cropped_padded_or_stretched(aspect: str, tmp_path: Path) -> None:
    """A picture 4 wide and 2 high with columns 0, 50, 50, 100, brought to 2 x 2: by triangles of weights 3, 3, 1 of 7."""
    Image.fromarray(np.array([[0, 50, 50, 100]] * 2, np.uint8)).save(tmp_path / "a.png")
    save_images(tmp_path, {"b.png": (7,), "c.png": (8,)}, size=(2, 2))
    rows = read_data(tmp_path, splits=(1, 0, 0), size=(2, 2), aspect=aspect).split("train").stored.tolist()
    found = next(row[0] for row in rows if row[0] not in ([[7, 7], [7, 7]], [[8, 8], [8, 8]]))
    assert found == ASPECTS[aspect]


def test_pictures_are_turned_as_their_exif_entry_says(tmp_path: Path) -> None:
    upright = np.zeros((4, 6), np.uint8)
    upright[0] = 200
    picture = Image.fromarray(np.rot90(upright, 1))
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("a.png", "b.png", "c.png"):
        picture.save(tmp_path / name, exif=exif)
    data = read_data(tmp_path, splits=(1, 0, 0))
    assert data.x_shape == (1, 4, 6)
    assert np.array_equal(data.split("train").stored[0, 0].numpy(), upright)


@pytest.mark.parametrize("sparse", ["dense", "csr", "csc", "old"])
def test_h5ad(sparse: str, tmp_path: Path) -> None:
    import scipy.sparse

    counts = np.random.default_rng(0).poisson(1, (12, 5)).astype(np.float32)
    path = tmp_path / "a.h5ad"
    with h5py.File(path, "w") as file:
        if sparse in ("dense", "old"):
            file["X"] = counts
        else:
            matrix: Any = getattr(scipy.sparse, f"{sparse}_matrix")(counts)
            group = file.create_group("X")
            group.attrs["encoding-type"], group.attrs["shape"] = f"{sparse}_matrix", counts.shape
            for name in ("data", "indices", "indptr"):
                group[name] = getattr(matrix, name)
        file.create_group("var").attrs["_index"] = "gene"
        file["var/gene"] = [f"g{i}" for i in range(5)]
        kind = file.create_group("obs/kind")
        kind["codes"], kind["categories"] = np.arange(12) % 2, ["a", "b"]
    data = read_data(path, label="kind", splits=(1, 0, 0))
    assert data.counts
    assert data.value_names == ("g0", "g1", "g2", "g3", "g4")
    assert data.label_names == ("a", "b")
    assert np.array_equal(np.sort(whole(data).numpy(), 0), np.sort(counts, 0))
    with pytest.raises(ValueError, match=r"a\.h5ad has no column 'knd' in obs; did you mean 'kind'\?"):
        read_data(path, label="knd")


def test_an_anndata_that_anndata_wrote(tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata")
    counts = np.random.default_rng(0).poisson(1, (12, 5)).astype(np.float32)
    obs = pd.DataFrame({"kind": pd.Categorical(list("ab") * 6)}, index=pd.Index([f"c{i}" for i in range(12)]))
    data = anndata.AnnData(counts, obs=obs, layers={"double": 2 * counts})
    data.write_h5ad(tmp_path / "a.h5ad")
    for source in (data, tmp_path / "a.h5ad"):
        read = read_data(source, label="kind", array="double", splits=(1, 0, 0))
        assert np.array_equal(np.sort(whole(read).numpy(), 0), np.sort(2 * counts, 0))
        assert read.label_names == ("a", "b")
        assert read.value_names == ("0", "1", "2", "3", "4")


class Pictures(torch.utils.data.Dataset):
    def __len__(self) -> int:
        return 6

    def __getitem__(self, row: int) -> tuple[Any, int]:
        return Image.new("L", (5, 4), 10 * row), row % 2


def test_torch_data_sets() -> None:
    x = torch.randn(20, 3)
    data = as_dataset(torch.utils.data.TensorDataset(x, torch.arange(20) % 2), splits=(1, 0, 0))
    assert torch.equal(data.split("train").values().sort(0).values, x.sort(0).values)
    assert data.label_names == ("0", "1")
    data = as_dataset(Pictures(), splits=(1, 0, 0))
    assert data.x_shape == (1, 4, 5)
    assert sorted(data.split("train").stored[:, 0, 0, 0].tolist()) == [0, 10, 20, 30, 40, 50]


def test_hugging_face_data_sets() -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"age": datasets.Value("float64"), "kind": datasets.ClassLabel(names=["cat", "dog"])})
    rows = datasets.Dataset.from_dict({"age": [1.5 * i for i in range(20)], "kind": [i % 2 for i in range(20)]}, features)
    data = as_dataset(rows, splits=(1, 0, 0))
    assert data.label_names == ("cat", "dog")
    assert data.schema is not None
    assert [c.name for c in data.schema.columns] == ["age"]


def test_new_rows_by_the_old_rules(tmp_path: Path, a_frame: Callable[[int], pd.DataFrame]) -> None:
    frame = a_frame(40).assign(kind=list("ab") * 20)
    data = read_data(frame, label="kind")
    assert data.origin is not None
    path = tmp_path / "new.csv"
    frame.drop(columns="kind").head(7).to_csv(path, index=False)
    rows, labels, notes, *_ = new_rows(path, data.schema, data.origin.options)
    assert labels is None
    assert not notes
    assert data.schema is not None
    assert torch.equal(rows.values(), data.schema.encode(frame.head(7)).x)


def test_an_unknown_option_is_refused(refused: Any) -> None:
    with refused("data takes no option 'lable'; did you mean 'label'?"):
        read_data(pd.DataFrame({"a": [1, 2, 3]}), lable="a")
    with refused("aspect is 'corp'; did you mean 'crop'?"):
        read_data(pd.DataFrame({"a": [1, 2, 3]}), aspect="corp")
    with refused("size is (0, 3), wanted (height, width), each from 1 to 4096."):
        read_data(pd.DataFrame({"a": [1, 2, 3]}), size=(0, 3))
