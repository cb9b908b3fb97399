"""A fit that was broken off is gone on with to the end it would have had, or it is said why not."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import latentia
from helpers.broken_off import RECIPE, ROWS, SMALL, BreaksOff, assert_same, begun, checkpoints
from latentia.core.errors import DataError, LatentiaError, RunError
from latentia.learners.stepping import take_step
from latentia.recipe import Recipe
from latentia.runs import Run, StoppedRun, fit_recipe, load, resume
from latentia.runs.checkpoints import CHECKPOINTS
from latentia.runs.lock import LOCK
from latentia.training import from_bytes


def test_an_interrupted_fit_is_a_run_and_can_be_gone_on_with(folder: Path, whole: Run) -> None:
    assert load(folder).history.ended == "interrupted"
    assert [path.name for path in checkpoints(folder)] == ["step-6.ckpt", "step-7.ckpt"]
    run = resume(folder, data=ROWS, progress=False)
    assert_same(run, whole)
    assert_same(load(folder), whole)
    assert not (folder / CHECKPOINTS).exists()
    assert not (folder / LOCK).exists()
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert_same(resume(folder), whole)
    assert before == {path: path.read_bytes() for path in folder.iterdir()}


def test_a_fit_with_a_folder_is_the_fit_without_one(tmp_path: Path, whole: Run) -> None:
    assert_same(fit_recipe(RECIPE, data=ROWS, progress=False, folder=tmp_path / "run", checkpoint_seconds=0), whole)
    assert_same(load(tmp_path / "run"), whole)
    assert latentia.resume is resume


def test_a_recipe_that_was_changed_is_refused_and_one_that_was_spaced_anew_is_not(folder: Path, whole: Run) -> None:
    recipe = (folder / "recipe.json").read_text()
    (folder / "recipe.json").write_text(recipe.replace('"epochs": 3', '"epochs": 30'))
    with pytest.raises(RunError) as error:
        resume(folder, data=ROWS, progress=False)
    assert str(error.value) == (
        f"{folder / 'recipe.json'} is not the recipe that this fit began with: fit.epochs is 30, was 3; put that back, or "
        f"begin a new fit with: latentia fit {folder / 'recipe.json'}"
    )
    (folder / "recipe.json").write_text(json.dumps(json.loads(recipe)))
    assert_same(resume(folder, data=ROWS, progress=False), whole)


def test_rows_that_are_gone_or_others_are_refused_and_the_folder_is_as_it_was(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(DataError) as error:
        resume(folder, data=1 - ROWS, progress=False)
    assert str(error.value).startswith(
        f"{folder} cannot go on, and is as it was: the rows of 'array' are not those that this"
    )
    with pytest.raises(DataError) as error:
        resume(folder, progress=False)
    assert str(error.value).startswith(f"{folder} cannot go on, and is as it was: there is no data set 'array'; known: ")
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_data_file_that_vanished_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from latentia.data import from_arrays

    name, found = "frey_faces", from_arrays(ROWS, name="frey_faces")
    monkeypatch.setattr("latentia.runs.material.load_data", lambda *_, **__: found)
    recipe = {**RECIPE, "data": {"name": name}}
    fit_recipe(recipe, folder=tmp_path / "run", progress=BreaksOff(5))
    monkeypatch.undo()
    monkeypatch.setenv("LATENTIA_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setattr("latentia.data.sources.cache_folder", lambda: tmp_path / "cache")
    with pytest.raises(DataError) as error:
        resume(tmp_path / "run", progress=False)
    assert str(error.value).startswith(
        f"{tmp_path / 'run'} cannot go on, and is as it was: 'frey_faces' needs frey_rawface.mat, not found on this machine"
    )
    assert checkpoints(tmp_path / "run")


def test_another_version_goes_on_and_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = {"latentia": "9.1", "torch": "3.0"}
    monkeypatch.setattr("latentia.runs.place.versions", lambda: now)
    was = from_bytes(checkpoints(folder)[-1].read_bytes()).values["versions"]
    note = (
        f"gone on with another version (latentia {was['latentia']} to 9.1, torch {was['torch']} to 3.0), so the last digits "
        "may differ"
    )
    assert note in resume(folder, data=ROWS, progress=False).notes
    assert capsys.readouterr().err == f"latentia: {note}\n"
    assert note in load(folder).notes


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda f: f.mkdir(), "{f} is no run: it has no recipe.json; give the folder in which `latentia fit` was at work."),
        (
            lambda f: f.write_text(""),
            "{f} is no run: it has no recipe.json; give the folder in which `latentia fit` was at work.",
        ),
        (
            lambda f: (f.mkdir(), (f / "recipe.json").write_text(Recipe().to_json())),
            "{f} is a recipe and no fit was begun there; latentia fit {f}/recipe.json",
        ),
        (
            lambda f: (begun(f), shutil.rmtree(f / CHECKPOINTS)),
            "{f} was interrupted and kept no checkpoint; fit anew with: latentia fit {f}/recipe.json",
        ),
    ],
)
def test_what_is_no_fit_to_go_on_with_is_refused(made: Callable[[Path], Any], said: str, tmp_path: Path) -> None:
    folder = tmp_path / "it"
    made(folder)
    with pytest.raises(RunError) as error:
        resume(folder, data=ROWS, progress=False)
    assert str(error.value) == said.format(f=folder)


def test_a_fit_that_never_began_leaves_nothing(tmp_path: Path) -> None:
    for wrong in ({**RECIPE, "gradient": "nvil"}, {**RECIPE, "model": SMALL | {"family": "nonsense"}}):
        with pytest.raises(LatentiaError):
            fit_recipe(wrong, data=ROWS, folder=tmp_path / "run", progress=False)
        assert not (tmp_path / "run").exists()
    (tmp_path / "empty").mkdir()
    with pytest.raises(LatentiaError):
        fit_recipe(wrong, data=ROWS, folder=tmp_path / "empty", progress=False)
    assert not list((tmp_path / "empty").iterdir())
    with pytest.raises(LatentiaError, match=r"checkpoint_seconds is -1, wanted 0, which is after every step, or more"):
        fit_recipe(RECIPE, data=ROWS, folder=tmp_path / "run", progress=False, checkpoint_seconds=-1)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "years.txt").write_text("of work")
    with pytest.raises(RunError, match=r"is not empty; choose another --out, or remove it first"):
        fit_recipe(RECIPE, data=ROWS, folder=tmp_path / "thesis", progress=False)
    assert [p.name for p in (tmp_path / "thesis").iterdir()] == ["years.txt"]


def test_a_fit_that_was_stopped_is_not_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []

    def not_taken(*arguments: Any) -> tuple[torch.Tensor, torch.Tensor]:
        steps.append(1)
        norm, skipped = take_step(*arguments)
        return norm, skipped | (len(steps) > 4)

    monkeypatch.setattr("latentia.learners.joint.take_step", not_taken)
    with pytest.raises(StoppedRun) as stopped:
        fit_recipe(RECIPE, data=ROWS, folder=tmp_path / "run", progress=False)
    assert str(stopped.value).endswith(f"; the best epoch before it is kept in {tmp_path / 'run'}")
    assert load(tmp_path / "run").history.ended == "stopped"
    with pytest.raises(RunError) as error:
        resume(tmp_path / "run", data=ROWS, progress=False)
    assert str(error.value) == (
        f"{tmp_path / 'run'} was stopped by something that was not finite, and would be again; fit its recipe with another "
        f"rate: latentia fit {tmp_path / 'run'}/recipe.json --set lr=..."
    )
    with pytest.raises(StoppedRun) as stopped:
        fit_recipe(RECIPE, data=ROWS, folder=tmp_path / "none", progress=False)
    assert stopped.value.run is None
    assert not (tmp_path / "none").exists(), "nothing came of it"
