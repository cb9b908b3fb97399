"""New rows of a fitted run are read as those were that it was fitted on, whoever comes with them and in whatever form."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.testing import assert_close
from torch.utils.data import TensorDataset

from helpers.small_table import fitted, table
from latentia.core.errors import DataError, SupportError
from latentia.runs import Run, fit_recipe, load

SMALL = {
    "latents": 2,
    "fit": {"epochs": 1},
    "model": {"network": {"hidden": [8]}},
    "posterior": {"network": {"hidden": [8]}},
}
N = 60


def fit(data: dict[str, Any], rows: Any = None, **more: Any) -> Run:
    return fit_recipe({**SMALL, **more, "data": data}, data=rows, progress=False)


@pytest.fixture(scope="module")
def bytes_(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray, Run]:
    """A saved run on bytes, found again without its data."""
    folder = tmp_path_factory.mktemp("bytes")
    x = np.random.default_rng(0).integers(0, 256, (N, 4)).astype(np.uint8)
    np.save(folder / "x.npy", x)
    return folder, x, load(fit({"path": str(folder / "x.npy")}).save(folder / "run"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for at, x in enumerate(np.random.default_rng(0).integers(0, 256, (20, 5, 5)).astype(np.uint8)):
        Image.fromarray(x).save(folder / f"{at:02d}.png")
    return folder


def test_few_dark_bytes_mean_what_many_mean(bytes_: tuple[Path, np.ndarray, Run]) -> None:
    folder, x, run = bytes_
    dark = x % 2
    np.save(folder / "dark.npy", dark)
    z = run.encode(np.concatenate([dark, x]))[:N]
    for rows in (dark, str(folder / "dark.npy"), dark / np.float32(255), torch.from_numpy(dark)):
        assert_close(run.encode(rows), z)
    assert_close(run.score(dark, draws=5).log_px, run.score(str(folder / "dark.npy"), draws=5).log_px)


def test_levels_that_were_said_are_kept(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 5, (N, 4)).astype(np.uint8)
    np.save(tmp_path / "x.npy", x)
    silent, said = fit({"path": str(tmp_path / "x.npy")}), fit({"path": str(tmp_path / "x.npy"), "levels": 5})
    assert silent.data is not None
    assert silent.data.notes == (
        "bytes from 0 to 4 are taken as the lowest of 256 grey levels; say levels=5 if 4 is white, or reader='counts' if "
        "they count something.",
    )
    assert said.data is not None
    assert said.data.notes == ()
    assert said.data.levels == 5
    again = load(said.save(tmp_path / "run"))
    assert_close(again.encode(x % 2), again.encode((x % 2) / np.float32(4)))
    assert again.dataset().levels == 5
    with pytest.raises(DataError, match="x reaches 4, and levels=3 ends at 2"):
        fit({"path": str(tmp_path / "x.npy"), "levels": 3})


def test_what_no_such_row_can_be_is_refused(bytes_: tuple[Path, np.ndarray, Run]) -> None:
    _, x, run = bytes_
    wrong = (x / np.float32(255)).copy()
    wrong[7, 2] = 3.0
    for ask in (run.encode, run.reconstruct, run.score):
        with pytest.raises(SupportError) as caught:
            ask(wrong)
        assert str(caught.value) == (
            "1 of 60 rows lie outside the support of the run's likelihood (values run from 0 to 3, first at row 7); scale "
            "them as those were that it was fitted on, or correct them."
        )
    between = x / np.float32(255) * np.float32(0.999)
    assert run.encode(between).shape == (N, 2)
    with pytest.raises(SupportError):
        run.score(between)


def test_greys_are_bits_to_a_run_on_bits_and_a_row_s_bits_are_its_own(pictures: Path) -> None:
    run = fit({"path": str(pictures), "binarize": "dynamic"})
    greys = np.stack([np.asarray(Image.open(path)) for path in sorted(pictures.iterdir())])[:, None]
    of_folder = run.score(str(pictures), draws=20)
    assert of_folder.notes == ["greys are drawn as bits, of a row always the same ones: the model was fitted on bits."]
    few = run.score(greys[3:5], draws=20).shares
    assert few is not None
    assert of_folder.shares is not None
    assert_close(run.encode(greys[3:5]), run.encode(str(pictures))[3:5])
    assert bool(torch.isfinite(few).all())
    bits = (greys > 127).astype(np.uint8)
    assert run.score(bits, draws=5).notes == []


def test_pictures_are_brought_to_the_size_that_the_run_knows(pictures: Path, tmp_path: Path) -> None:
    run = fit({"path": str(pictures)})
    larger = tmp_path / "larger"
    larger.mkdir()
    Image.open(next(pictures.iterdir())).convert("RGB").resize((50, 50)).save(larger / "a.jpg")
    assert run.encode(str(larger)).shape == (1, 2)
    scored = run.score(str(pictures), draws=2)
    assert scored.names[:6] == ("pixel 0,0", "pixel 0,1", "pixel 0,2", "pixel 0,3", "pixel 0,4", "pixel 1,0")


def test_named_values_are_put_in_the_run_s_order(tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata")
    x = np.random.default_rng(0).poisson(2, (N, 5)).astype(np.float32)
    counts = anndata.AnnData(X=x, var=pd.DataFrame(index=pd.Index(list("abcde"))))
    run = load(fit({}, counts).save(tmp_path / "run"))
    assert_close(run.encode(counts[:, ::-1].copy()), run.encode(counts))
    assert run.score(counts, draws=2).names == tuple("abcde")
    with pytest.raises(DataError) as caught:
        run.encode(counts[:, :3].copy())
    assert str(caught.value) == "these rows lack 2 of the 5 values that the run was fitted on (first 'd'); give all of them."


def test_an_array_is_read_by_the_options_of_the_recipe() -> None:
    x = np.random.default_rng(0).random((40, 3)).astype(np.float32)
    run = fit({"splits": [0.5, 0.25, 0.25]}, x)
    assert run.data is not None
    assert [len(part) for part in (run.data.train, run.data.valid, run.data.test)] == [20, 10, 10]
    x[3, 1] = np.nan
    holed = fit({"nan": "missing"}, x)
    assert holed.data is not None
    assert holed.data.notes == ("1 of 120 values are NaN and taken as missing.",)
    assert fit({"binarize": "static"}, x[10:]).data.levels == 2  # pyright: ignore[reportOptionalMemberAccess]
    with pytest.raises(DataError, match="label is 'kind', which is not there"):
        fit({"label": "kind"}, x[10:])


def test_objects_of_other_libraries_are_rows_too() -> None:
    x = torch.randn(N, 3)
    run = fit({}, TensorDataset(x))
    assert_close(run.encode(TensorDataset(x)), run.encode(x))
    assert run.score(TensorDataset(x), draws=2).log_px.shape == (N,)


def test_a_table_goes_through_as_a_table() -> None:
    run, frame = fitted(), table(20, seed=1)
    back = run.reconstruct(frame)
    assert list(back.columns) == [column.name for column in run.data.schema.columns]  # pyright: ignore[reportOptionalMemberAccess]
    assert len(back) == 20
    assert back.dtypes.to_dict() == run.sample(3).dtypes.to_dict()
    way = run.interpolate(frame[:1], frame[1:2], steps=3)
    assert len(way) == 3
    assert list(way.columns) == list(back.columns)
    assert_close(run.encode(frame.to_dict("list")), run.encode(frame))
    with pytest.raises(DataError, match="these rows have none of the columns that the run was fitted on"):
        run.encode(pd.DataFrame({"nothing": [1.0, 2.0]}))


def test_a_cell_far_beyond_all_others_has_a_finite_probability_and_is_named() -> None:
    run, frame = fitted(), table(20, seed=1, holes=0.0)
    frame.loc[3, "age"] = 1e29
    found = run.score(frame, draws=20)
    assert bool(torch.isfinite(found.log_px).all())
    assert int(found.log_px.argmin()) == 3
    assert found.heaviest(1)[3][0].name == "age"
    assert any("lie more than 10,000 spreads away" in note for note in found.notes)


def test_cells_that_could_not_be_read_are_said_to_stay() -> None:
    run, frame = fitted(), table(20, seed=1, holes=0.0).astype(object)
    frame.loc[3, "age"] = "old"
    filled = run.impute(frame, draws=5)
    assert filled.values.loc[3, "age"] == "old"
    assert "1 cells that could not be read stay as they are; empty them to have them filled." in filled.notes
