"""``latentia infer`` as a user types it: findings in, probabilities out, mistakes in one line."""

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.known import needs, write_bif
from latentia.cli import main
from latentia.cli.inferring import parse_findings, read_cases, read_observed
from latentia.core.errors import LatentiaError
from latentia.runs import fit_recipe

NETWORK: dict[str, Any] = {
    "name": "noisy-or",
    "causes": ["flu", "cold"],
    "effects": ["fever", "cough, dry", "back pain"],
    "edges": [[0, 0, 0.8], [0, 1, 0.6], [1, 1, 0.5], [0, 2, 0.3]],
    "base_rate": [0.1, 0.3],
    "leak": 0.05,
}


def latentia(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """(exit status, what was printed, what was complained)."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def fitted(folder: Path, model: dict[str, Any], posterior: dict[str, Any]) -> Path:
    recipe = {
        "name": "tiny",
        "data": {"name": "simulated", "rows": 200, "observed": [0.2, 0.9]},
        "model": model,
        "posterior": {"network": {"name": "mlp", "hidden": [8]}, **posterior},
        "learner": {"name": "sleep", "observed": [0.0, 1.0]},
        "fit": {"epochs": 1},
    }
    return fit_recipe(recipe, progress=False).save(folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(fitted(tmp_path_factory.mktemp("runs") / "tiny", NETWORK, {"name": "amortized", "see_mask": True}))


def test_names_with_blanks_and_commas_are_understood(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    findings = ["--observe", "back pain=1,cough, dry=no", "--observe", "fever=yes"]
    code, said, complaint = latentia("infer", run, *findings, "--check", "exact", capsys=capsys)
    assert code == 0, complaint
    assert "given back pain = 1, cough, dry = no, fever = yes" in said
    for words in ("flu", "cold", "present", "prior", "posterior", "exact", "ms"):
        assert words in said


def test_json_is_for_programs(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["infer", run, "--observe", "fever=1", "--check", "importance", "--draws", "500", "--top", "1", "--json"]
    code, said, complaint = latentia(*asked, capsys=capsys)
    assert code == 0, complaint
    (belief,) = json.loads(said)["beliefs"]
    assert set(belief) == {"variable", "state", "prior", "probability", "checked", "error"}
    assert belief["error"] > 0
    assert json.loads(said)["observed"] == {"fever": "1"}


def test_nothing_observed_shows_the_prior(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, said, _ = latentia("infer", run, capsys=capsys)
    assert code == 0
    assert "given nothing" in said
    assert "the posterior is the prior" in said
    assert said.count("0.3000") == 2


def test_many_cases_come_from_a_file(run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, listed = tmp_path / "cases.csv", tmp_path / "cases.json"
    table.write_text('fever,"cough, dry",back pain\n1,0,\n,,1\n')
    listed.write_text(json.dumps([{"fever": 1, "cough, dry": False, "back pain": None}, {"back pain": 1.0}]))
    told = []
    for path in (table, listed):
        code, said, complaint = latentia("infer", run, "--observe", f"@{path}", "--json", capsys=capsys)
        assert code == 0, complaint
        told.append([case["beliefs"] for case in json.loads(said)])
    assert told[0] == told[1]
    assert len(told[0]) == 2
    listed.write_text(json.dumps([{"fever": 1}, {"fevr": 1}]))
    code, _, complaint = latentia("infer", run, "--observe", f"@{listed}", capsys=capsys)
    assert (code, complaint) == (1, "latentia: case 2: there is no effect 'fevr'; did you mean 'fever'?\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--observe", "fever"], "--observe wants name=value, got 'fever'"),
        (["--observe", "=1"], "--observe wants name=value"),
        (["--observe", ""], "--observe wants name=value, got nothing"),
        (["--observe", "fever=1", "--observe", "fever=0"], "'fever' is named twice"),
        (["--observe", "fevr=1"], "did you mean 'fever'?"),
        (["--observe", "fever=high"], "'fever' is 'high', wanted present or absent"),
        (["--check", "all"], "there is no check 'all'; known: none, importance, gibbs, exact"),
        (["--observe", "@nowhere.json"], "nowhere.json cannot be read: No such file"),
        (["--observe", "@a.txt", "--observe", "fever=1"], "names a file and other findings"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], message: str, run: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, said, complaint = latentia("infer", run, *arguments, capsys=capsys)
    assert (code, said) == (1, "")
    assert message.replace("read: No", "read (No") in complaint
    assert complaint.count("\n") == 1


def test_findings_that_contradict_each_other_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(fitted(tmp_path / "run", {"source": str(write_bif(tmp_path))}, {"name": "clamped"}))
    code, said, complaint = latentia("infer", folder, "--observe", "fever=very high,cough=no", capsys=capsys)
    assert code == 0, complaint
    assert "flu" in said
    code, _, complaint = latentia("infer", folder, "--observe", "fever=very high,flu=no", capsys=capsys)
    assert code == 1
    assert "cannot be together under this model" in complaint
    assert complaint.count("\n") == 1


def test_a_run_whose_model_has_no_names_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit_recipe("digits", ["epochs=1", "latents=2"], progress=False).save(tmp_path / "run")
    code, _, complaint = latentia("infer", str(tmp_path / "run"), "--observe", "a=1", capsys=capsys)
    assert code == 1
    assert "Decoded have no names to observe them by" in complaint


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("a=1", [("a", "1")]),
        (" a b = yes , c=no,", [("a b", "yes"), ("c", "no")]),
        ("nausea, vomiting=1,x=0", [("nausea, vomiting", "1"), ("x", "0")]),
        ("CO2=>=7.5,b=1", [("CO2", ">=7.5"), ("b", "1")]),
    ],
)
def test_findings_are_split_where_a_value_ends(text: str, pairs: list[tuple[str, str]]) -> None:
    assert parse_findings(text) == pairs
    assert read_observed([text]) == [dict(pairs)]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "{", "is not JSON"),
        ("a.json", "[1]", "holds no list of cases"),
        ("a.json", "[]", "holds no list of cases"),
        ("a.csv", "a,b\n1,2,3\n", "more or fewer values than names"),
        ("a.csv", "a,b\n1\n", "more or fewer values than names"),
        ("a.csv", "", "holds no list of cases"),
        ("a.csv", '"a,b\n1,0\n', "is no CSV"),
        ("a.csv", "a,a\n1,0\n", "says 'a' more than once"),
        ("a.json", '{"a": 1, "a": 0}', "says 'a' more than once"),
        ("a.txt", "x", "wanted .json or .csv"),
    ],
)
def test_a_damaged_file_of_cases_is_refused(name: str, text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(LatentiaError) as error:
        read_cases(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@needs("bayes_nets", "asia.bif.gz")
def test_the_chest_clinic_answers_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """p(tub | asia, dysp) = 0.0878, by the tables of Lauritzen & Spiegelhalter (1988)."""
    folder = str(tmp_path / "asia")
    quick = ["--set", "epochs=1", "--set", "rows=600", "--set", "evaluation_draws=3"]
    code, _, complaint = latentia("fit", "asia", *quick, "--out", folder, capsys=capsys)
    assert code == 0, complaint
    asked = ["--observe", "asia=yes,dysp=yes", "--check", "exact", "--json"]
    code, said, complaint = latentia("infer", folder, *asked, capsys=capsys)
    assert code == 0, complaint
    beliefs = {(b["variable"], b["state"]): b for b in json.loads(said)["beliefs"]}
    assert beliefs["tub", "yes"]["checked"] == pytest.approx(0.0878, abs=1e-4)
    assert beliefs["tub", "yes"]["prior"] == pytest.approx(0.0104, abs=1e-4)
