"""Walks between rows, their neighbors, and files by either name: through the command line, on a run kept with the tests."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from latentia.cli import main
from latentia.evaluation import between
from latentia.runs import load

OLD_RUN = Path(__file__).parent.parent / "runs" / "format-1"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    shutil.copytree(OLD_RUN, tmp_path / "run")
    return tmp_path / "run"


def latentia(*arguments: object) -> int:
    with pytest.raises(SystemExit) as done:
        main([str(a) for a in arguments])
    assert isinstance(done.value.code, int)
    return done.value.code


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def test_a_walk_between_two_rows_by_number_and_by_file(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fitted = load(run)
    rows = fitted.dataset().test.values()
    np.save(run / "b.npy", rows[9:10].numpy())
    assert latentia("interpolate", run, 3, run / "b.npy", "--steps", 5) == 0
    assert capsys.readouterr().out == f"wrote {run / 'interpolation.png'}\nwrote {run / 'interpolation.npz'}\n"
    found = np.load(run / "interpolation.npz")
    assert np.array_equal(found["rows"], rows[[3, 9]].numpy())
    z = fitted.encode(rows[[3, 9]])
    want = between(fitted.model.prior(), z[0], z[1], 5)
    assert np.array_equal(found["z"], want.numpy())
    assert np.allclose(found["x"], fitted.decode(want).numpy(), atol=1e-6)
    assert np.array_equal(fitted.interpolate(rows[3], rows[9], 5).numpy(), found["x"]), "a single row needs no axis for rows"
    assert np.array_equal(fitted.interpolate(rows[3, 0], rows[9:10], 5).numpy(), found["x"])
    # Seven pictures of 8 pixels, at ten for one, side by side.
    assert size(run / "interpolation.png") == (7 * (80 + 6) + 6, 80 + 2 * 6)
    assert latentia("interpolate", run, 3, 9, "--path", "linear", "--steps", 3, "--out", run / "line.npz") == 0
    assert (run / "line.png").is_file()
    assert np.allclose(np.load(run / "line.npz")["z"][1], z.mean(0).numpy(), atol=1e-6)


def test_the_neighbors_of_a_row(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert latentia("neighbors", run, 3, "-k", 4) == 0
    said = capsys.readouterr().out
    assert "train rows nearest by posterior mean, euclidean distance" in said
    fitted = load(run)
    data = fitted.dataset()
    z = fitted.encode(data.train)
    away = (z - fitted.encode(data.test)[3]).double().norm(dim=1)
    want = away.argsort()[:4]
    with (run / "neighbors.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [int(line["row"]) for line in lines] == want.tolist()
    assert [float(line["distance"]) for line in lines] == pytest.approx(away[want].tolist(), abs=1e-6)
    assert data.train.labels is not None
    assert [line["label"] for line in lines] == [str(int(data.train.labels[row])) for row in want]
    assert [line["rank"] for line in lines] == ["1", "2", "3", "4"]
    for line in lines:
        assert line["row"] in said
    assert size(run / "neighbors.png") == (5 * 86 + 6, 92)


def test_a_row_is_not_its_own_neighbor_but_a_files_row_may_be(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = load(run).dataset().test.values()
    np.save(run / "two.npy", rows[[5, 6]].numpy())
    assert latentia("neighbors", run, 5, "-k", 3, "--split", "test", "--json", "--out", run / "near.csv") == 0
    itself = json.loads(capsys.readouterr().out)
    assert (itself["split"], itself["metric"], itself["method"], itself["recall"]) == ("test", "euclidean", "exact", None)
    assert 5 not in [line["row"] for line in itself["neighbors"]]
    assert latentia("neighbors", run, run / "two.npy", "-k", 1, "--split", "test", "--metric", "cosine", "--json") == 0
    first = json.loads(capsys.readouterr().out)["neighbors"]
    assert [line["query"] for line in first] == [0, 1]
    assert [line["distance"] for line in first] == pytest.approx([0, 0], abs=1e-9)
    assert (run / "near.png").is_file()


def test_samples_and_reconstructions_go_by_the_name_of_the_picture_too(run: Path) -> None:
    for command in ("sample", "reconstruct"):
        assert latentia(command, run, "-n", 3, "--out", run / f"{command}.png") == 0
        assert (run / f"{command}.png").is_file()
        assert (run / f"{command}.npz").is_file()


MISTAKES: dict[str, tuple[tuple[object, ...], str]] = {
    "row": (("interpolate", "RUN", 3, 180), "there is no row 180 in test, whose rows run from 0 to 179"),
    "file": (("interpolate", "RUN", 3, "nowhere.npy"), "nowhere.npy does not exist"),
    "many": (("interpolate", "RUN", 3, "many.npy"), "many.npy holds 2 rows, wanted one; give a file of one row"),
    "steps": (("interpolate", "RUN", 3, 4, "--steps", 1), "--steps"),
    "path": (("interpolate", "RUN", 3, 4, "--path", "round"), "there is no path 'round'; known: spherical, linear"),
    "picture": (("interpolate", "RUN", 3, 4, "--out", "x.jpg"), "x.jpg ends in .jpg, wanted .png or .npz"),
    "nowhere": (("interpolate", "RUN", 3, 4, "--out", "nowhere/x.png"), "the folder nowhere does not exist"),
    "shape": (("neighbors", "RUN", "small.npy"), "a row of the data has shape (5,)"),
    "metric": (("neighbors", "RUN", 3, "--metric", "l2"), "there is no metric 'l2'; known: euclidean, cosine"),
    "k": (("neighbors", "RUN", 3, "-k", 2000), "2000 neighbors were asked for, and there are 1437 rows"),
    "table": (("neighbors", "RUN", 3, "--out", "x.json"), "x.json ends in .json, wanted .csv"),
    "split": (("neighbors", "RUN", 3, "--of", "tset"), "there is no split 'tset'; did you mean 'test'?"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(
    mistake: str, run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run)
    np.save("many.npy", np.zeros((2, 8, 8), dtype=np.float32))
    np.save("small.npy", np.zeros((2, 5), dtype=np.float32))
    arguments, message = MISTAKES[mistake]
    assert latentia(*(run if a == "RUN" else a for a in arguments)) in (1, 2)
    said = capsys.readouterr()
    assert message in said.err
    assert len(said.err.splitlines()) == 1
    assert said.out == ""


def test_a_walk_wants_single_rows() -> None:
    fitted: Any = load(OLD_RUN)
    with pytest.raises(ValueError, match=r"2 rows came, wanted one"):
        fitted.interpolate(torch.zeros(2, 1, 8, 8), torch.zeros(1, 8, 8))
    with pytest.raises(ValueError, match=r"row 2000 was asked for, and the rows of train run from 0 to 1436"):
        fitted.neighbors(2000)
