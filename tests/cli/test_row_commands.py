"""The commands that take rows through a run: rows of one's own, and files that lie where nothing was said."""

import io
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers.small_table import KINDS, fitted, table
from latentia.cli import main
from latentia.cli.climbing import _is_run
from latentia.runs import fit_recipe


def typed(*arguments: object) -> str:
    with redirect_stdout(io.StringIO()) as out, pytest.raises(SystemExit) as done:
        main([str(argument) for argument in arguments])
    assert done.value.code == 0, arguments
    return out.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    fitted().save(folder / "run")
    table(30, seed=3).to_csv(folder / "rows.csv", index=False)
    x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    np.save(folder / "x.npy", x)
    x[2, 1] = np.nan
    np.save(folder / "holed.npy", x)
    small = {"latents": 2, "fit": {"epochs": 1}, "data": {"path": str(folder / "x.npy")}}
    fit_recipe(small, progress=False).save(folder / "array")
    return folder


def test_files_lie_in_the_run_s_folder_unless_said(folder: Path) -> None:
    run = folder / "run"
    for command, file in (("encode", "encodings.csv"), ("score", "scores.csv"), ("impute", "filled.csv")):
        assert f"wrote {run / file}" in typed(command, run, folder / "rows.csv")
        assert len(pd.read_csv(run / file)) == 30
    assert f"wrote {folder / 'array' / 'filled.npz'}" in typed(
        "impute", folder / "array", folder / "holed.npy", "--draws", 5
    )
    typed("encode", folder / "array")
    assert len(pd.read_csv(folder / "array" / "encodings.csv")) == 6  # its own test rows


def test_a_table_s_reconstruction_stands_below_each_row(folder: Path) -> None:
    typed("reconstruct", folder / "run", folder / "rows.csv", "--out", folder / "both.csv")
    both = pd.read_csv(folder / "both.csv")
    assert list(both.columns) == ["row", "what", *KINDS]
    assert both["what"].tolist() == ["row", "reconstruction"] * 30
    assert both["row"].tolist() == [row for row in range(30) for _ in range(2)]
    own = table(30, seed=3)
    seen = own["age"].notna().to_numpy()
    assert np.allclose(both.loc[::2, "age"].to_numpy()[seen], own["age"].to_numpy()[seen], rtol=1e-6)
    assert not both[1::2].isna().to_numpy().any()
    typed("reconstruct", folder / "run", folder / "rows.csv", "-n", 3, "--out", folder / "both.csv")
    assert len(pd.read_csv(folder / "both.csv")) == 6


def test_rows_of_a_file_are_reconstructed(folder: Path) -> None:
    typed("reconstruct", folder / "array", folder / "x.npy", "--out", folder / "back.npz")
    with np.load(folder / "back.npz") as found:
        assert found["reconstruction"].shape == (60, 4)
        assert (found["x"] == np.load(folder / "x.npy")).all()
        assert found["row"].tolist() == list(range(60))
    assert (folder / "back.png").is_file()


def test_what_cannot_be_written_is_said_before_the_work(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, said in (
        (("impute", folder / "array", folder / "holed.npy", "--out", "a.csv"), "but the rows are an array"),
        (("impute", folder / "array", folder / "x.npy"), "nothing is missing in these rows"),
        (("reconstruct", folder / "run", "--out", "a.png"), "wanted .csv or .parquet"),
    ):
        with pytest.raises(SystemExit) as done:
            main([str(argument) for argument in arguments])
        assert done.value.code == 1
        assert said in capsys.readouterr().err


def test_a_folder_of_pictures_is_data_to_the_ladder(folder: Path, tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    assert not _is_run(tmp_path, str(tmp_path))
    assert _is_run(folder / "run", str(folder / "run"))
    empty = tmp_path / "empty"
    empty.mkdir()
    assert _is_run(empty, str(empty))  # so that it is told what a run is
    assert not _is_run(Path("digits"), "digits")
