"""Fits of rows that stay on disk: gone on with to the bit, opened again, and bounded in memory."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import latentia
from helpers.broken_off import RECIPE, ROWS, BreaksOff, assert_same
from latentia.cli.app import app
from latentia.core.errors import DataError, RunError
from latentia.data import Streamed
from latentia.runs import fit_recipe, load, resume


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Rows in blocks of three, nine of them in the buffer."""
    monkeypatch.setattr("latentia.data.streaming.array_source.ArraySource.__init__.__defaults__", (15,))
    monkeypatch.setattr("latentia.data.streaming.arrays.BUFFER_BYTES", 200)
    np.save(tmp_path / "rows.npy", ROWS)
    return tmp_path / "rows.npy"


def recipe(path: Path, **data: Any) -> dict[str, Any]:
    return {**RECIPE, "data": {"path": str(path), "stream": "always", **data}}


@pytest.mark.parametrize("binarize", ["none", "dynamic"])
@pytest.mark.parametrize("after", [2, 4, 6])
def test_a_fit_broken_off_in_mid_epoch_goes_on_to_the_bit(after: int, binarize: str, file: Path, tmp_path: Path) -> None:
    if binarize == "dynamic":
        np.save(file, (ROWS * np.random.default_rng(1).integers(1, 255, ROWS.shape)).astype(np.uint8))
    wanted = recipe(file, binarize=binarize)
    whole = fit_recipe(wanted, progress=False)
    assert whole.data is not None
    assert isinstance(whole.data.train, Streamed)
    broken = fit_recipe(wanted, folder=tmp_path / "run", progress=BreaksOff(after), checkpoint_seconds=0)
    assert broken.history.ended == "interrupted"
    gone_on = resume(tmp_path / "run", progress=False)
    assert_same(gone_on, whole)
    opened = load(tmp_path / "run")
    assert_same(opened, whole)
    assert isinstance(opened.dataset().train, Streamed)
    assert opened.evaluate(draws=5).rows == 6
    with pytest.raises(DataError, match="rows of train of 'rows' stay on disk"):
        opened.evaluate(draws=5, split="train")


def test_a_parquet_fit_broken_off_in_mid_epoch_goes_on_to_the_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas as pd

    monkeypatch.setattr("latentia.data.streaming.parquet_source.SLICE_ROWS", (4, 4))
    monkeypatch.setattr("latentia.data.streaming.tables.BUFFER_BYTES", 600)
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=pd.Index(["a", "b", "c"]))
    frame.loc[::7, "b"] = np.nan
    frame.to_parquet(tmp_path / "rows.parquet", row_group_size=12)
    wanted = recipe(tmp_path / "rows.parquet")
    whole = fit_recipe(wanted, progress=False)
    fit_recipe(wanted, folder=tmp_path / "run", progress=BreaksOff(4), checkpoint_seconds=0)
    assert_same(resume(tmp_path / "run", progress=False), whole)
    assert len(load(tmp_path / "run").impute(frame).values) == 60


def test_a_map_given_from_python_is_streamed_and_gone_on_with(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATENTIA_MAX_BYTES", "100")
    rows = np.load(file, mmap_mode="r")
    whole = fit_recipe(RECIPE, data=rows, progress=False)
    assert whole.data is not None
    assert isinstance(whole.data.train, Streamed)
    fit_recipe(RECIPE, data=rows, folder=tmp_path / "run", progress=BreaksOff(4), checkpoint_seconds=0)
    other = np.load(file, mmap_mode="r")
    assert_same(resume(tmp_path / "run", data=other, progress=False), whole)


def test_a_file_of_which_one_training_row_has_changed_is_refused(file: Path, tmp_path: Path) -> None:
    rows, about = np.load(file), file.stat()
    run = fit_recipe(recipe(file), folder=tmp_path / "run", progress=BreaksOff(4), checkpoint_seconds=0)
    assert run.data is not None
    assert isinstance(run.data.train, Streamed)
    assert run.data.train.kept is not None
    rows[int(run.data.train.kept.argmax()), 2] ^= 1
    np.save(file, rows)
    os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))
    with pytest.raises((DataError, RunError), match="not those that this fit began with"):
        resume(tmp_path / "run", progress=False)


def test_what_is_out_of_support_in_the_last_block_is_refused_before_the_first_step(file: Path) -> None:
    rows = np.random.default_rng(0).random((60, 5)).astype(np.float32)
    rows[59, 4] = 1.5
    np.save(file, rows)
    said = []
    for stream in ("always", "never"):
        with pytest.raises(latentia.LatentiaError) as error:
            fit_recipe(
                recipe(file, stream=stream, splits=(1, 0, 0)) | {"model": {"family": "bernoulli", **RECIPE["model"]}},
                progress=False,
            )
        said.append(str(error.value))
    assert "rows lie outside the support of the likelihood Bernoulli" in said[0]
    assert said[0].split("; ")[1] == said[1].split("; ")[1]


def test_a_learner_that_takes_all_rows_in_a_step_is_refused(file: Path) -> None:
    np.save(file, np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32))
    em = {"model": {"name": "ppca"}, "posterior": {"name": "exact"}, "learner": {"name": "em"}}
    with pytest.raises(DataError, match="takes all training rows in one step, and those of 'rows' stay on disk"):
        fit_recipe(recipe(file) | em, progress=False)


def test_the_command_line_takes_it(file: Path, tmp_path: Path) -> None:
    said = ["fit", str(file), "--set", "data.stream=always", "--set", "fit.epochs=1", "--set", "latents=2"]
    result = CliRunner().invoke(app, [*said, "--out", str(tmp_path / "run")])
    assert result.exit_code == 0, result.output
    assert "stay on disk" in result.output
    assert '"stream": "always"' in (tmp_path / "run" / "recipe.json").read_text()


FITS = """
import sys
from pathlib import Path
import latentia

def fit(path, stream):
    small = {"network": {"name": "mlp", "hidden": [4]}}
    recipe = {"latents": 2, "model": small, "posterior": small, "fit": {"epochs": 1, "batch_size": 4000, "device": "cpu"}}
    recipe["fit"]["matmul"] = "default"  # to time the other way takes some MiB for a moment, whatever the rows
    recipe["data"] = {"path": path, "stream": stream, "buffer": 8}
    latentia.fit_recipe(recipe, progress=False)
    # Not ru_maxrss, which a process takes over from the one that started it.
    return next(int(l.split()[1]) for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmHWM"))

before = fit(sys.argv[1], "never")
print((fit(sys.argv[2], "always") - before) // 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from /proc")
def test_memory_is_bounded_whatever_the_file_holds(tmp_path: Path) -> None:
    """286 MiB of rows, read within 110 MiB beyond what a small fit takes: two buffers of 8, held-out rows of 12, passes."""
    a_part = np.random.default_rng(0).integers(0, 2, (20_000, 250), dtype=np.uint8)
    np.save(tmp_path / "small.npy", a_part)
    big = np.lib.format.open_memmap(tmp_path / "big.npy", mode="w+", dtype=np.uint8, shape=(1_200_000, 250))
    for start in range(0, len(big), len(a_part)):
        big[start : start + len(a_part)] = a_part
    del big
    paths = [str(tmp_path / "small.npy"), str(tmp_path / "big.npy")]
    done = subprocess.run([sys.executable, "-c", FITS, *paths], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 110, f"{done.stdout.strip()} MiB"
