"""``latentia ladder`` as a user types it: what it prints, what it leaves, what it refuses."""

import json
from pathlib import Path

import pytest

from latentia.cli import main
from latentia.recipe import read_json_object
from latentia.runs import load

TINY = ["--rows", "20", "--draws", "20", "--steps", "15", "--temperatures", "5", "--chains", "2"]
FIT = ["--set", "epochs=1", "--set", "evaluation_draws=5"]


def latentia(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """(exit status, what was printed, what was complained)."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    folder = tmp_path / "digits"
    code, _, complaint = latentia("fit", "digits", *FIT, "--out", str(folder), capsys=capsys)
    assert code == 0, complaint
    return folder


def test_a_ladder_is_printed_kept_drawn_and_reported(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rungs = "exact,encoder,encoder+3,semi-amortized"
    code, said, complaint = latentia("ladder", str(run), "--rungs", rungs, *TINY, capsys=capsys)
    assert code == 0, complaint
    for words in ("encoder+3", "semi-amortized", "exact left out: Decoded has no posterior in closed form", "annealed from"):
        assert words in said
    kept = read_json_object(run / "ladder.json")
    assert [rung["name"] for rung in kept["rungs"]] == ["encoder", "encoder+3", "semi-amortized"]
    assert (run / "ladder.svg").read_text().startswith("<svg xmlns=")
    page = (run / "report.html").read_text()
    assert 'id="ladder"' in page
    assert "encoder+3" in page
    # The report can be written again from what is kept, and a newer ladder takes the place of the older.
    assert latentia("report", str(run), capsys=capsys)[0] == 0
    assert 'id="ladder"' in (run / "report.html").read_text()
    code, said, _ = latentia("ladder", str(run), "--rungs", "encoder", "--json", *TINY, capsys=capsys)
    assert [rung["name"] for rung in json.loads(said)["rungs"]] == ["encoder"]
    assert [len(ladder.rungs) for ladder in load(run).ladders] == [1]


def test_a_recipe_is_fitted_first_and_em_and_flat_images_come_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = ["model=ppca", "posterior=exact", "learner=em", "latents=3", "data.flatten=true", "epochs=3"]
    sets = [word for change in changes for word in ("--set", change)]
    folder = tmp_path / "ppca"
    code, said, complaint = latentia(
        "ladder", "digits", *sets, "--rungs", "exact,mean-field,encoder", "--out", str(folder), *TINY, capsys=capsys
    )
    assert code == 0, complaint
    assert "log p(x) is exact" in said
    loaded = load(folder)
    assert loaded.known_recipe().learner == {"name": "em"}
    assert tuple(loaded.dataset().x_shape) == (64,)
    assert loaded.ladders[0].rungs[0].gap.value == pytest.approx(0, abs=1e-3)
    code, said, complaint = latentia(
        "ladder", str(folder), "--own-training", "--rungs", "em,encoder", "--rows", "20", "--draws", "20", capsys=capsys
    )
    assert code == 0, complaint
    assert [ladder.own_training for ladder in load(folder).ladders] == [False, True]
    assert "A model for each way of inferring z" in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing-here"], "nothing-here"),
        (["digits", "--rungs", "encodr"], "did you mean 'encoder'"),
        (["digits", "--rungs", "exact", "--own-training"], "training of its own"),
        (["digits", "--rungs", "encoder,em"], "rung 'em' trains a model of its own; add --own-training"),
        (["digits", "--rungs", "full-rank", "--own-training"], "leave out --own-training"),
        (["no-run"], "no-run is no run: it has no recipe.json; give the folder"),
        (["digits", "--set", "learner=emm"], "emm"),
        (["digits", "--rows", "1"], "--rows"),
        (["digits", "--own-training", "--steps", "15"], "--steps"),
        (["digits", "--own-training", "--temperatures", "200"], "--temperatures"),
        (["digits", "--own-training", "--chains", "2"], "--chains"),
        (["digits", "--own-training", "--simulated", "3"], "--simulated"),
        (["digits", "--simulated", "3", "--temperatures", "0"], "--simulated"),
    ],
)
def test_what_cannot_be_climbed_is_refused_in_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "no-run").mkdir()
    code, said, complaint = latentia("ladder", *arguments, capsys=capsys)
    assert code in (1, 2)
    assert message in complaint
    assert complaint.strip().count("\n") == 0
    assert "Traceback" not in said + complaint


def test_a_fitted_run_takes_no_changes(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, complaint = latentia("ladder", str(run), "--set", "epochs=2", *TINY, capsys=capsys)
    assert code == 1
    assert "fitted already" in complaint


def test_a_folder_of_a_data_set_s_name_that_is_no_run_hides_no_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    code, said, complaint = latentia("ladder", "digits", *FIT, "--rungs", "encoder", "--out", "run", *TINY, capsys=capsys)
    assert code == 0, complaint
    assert "encoder" in said
