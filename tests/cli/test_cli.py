"""The command line through its real entry point, in a process of its own, as a user types it."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

LATENTIA = Path(sys.executable).parent / "latentia"


def latentia(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command with no terminal and no data folder."""
    clean = {k: v for k, v in os.environ.items() if k not in ("LATENTIA_DATA", "LATENTIA_DEBUG")}
    return subprocess.run(
        [str(LATENTIA), *arguments],
        cwd=cwd,
        env={**clean, "OMP_NUM_THREADS": "1", "COLUMNS": "100", **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which one short fit was run."""
    folder = tmp_path_factory.mktemp("work")
    done = latentia("fit", "digits", "--set", "epochs=2", "--set", "evaluation_draws=5", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    (folder / "fit.txt").write_text(done.stdout)
    return folder


def test_fit_says_what_it_does_and_leaves_a_run(work: Path) -> None:
    said = (work / "fit.txt").read_text()
    for words in (
        "epoch 2/2",
        "rows/s",
        "beta 1",
        "gradient chosen: analytic KL",
        "ELBO",
        "active units",
        "runs/digits/report.html",
    ):
        assert words in said
    names = {p.name for p in (work / "runs" / "digits").iterdir()}
    assert {"recipe.json", "model.safetensors", "metrics.csv", "environment.json", "report.html", "samples.png"} <= names
    assert "\x1b" not in said, "no control codes where there is no terminal"


def test_a_second_fit_takes_the_next_free_folder(work: Path) -> None:
    done = latentia("fit", "digits", "--set", "epochs=1", "--set", "evaluation_draws=1", cwd=work)
    assert done.returncode == 0
    assert (work / "runs" / "digits-2" / "report.html").is_file()


def test_evaluate_prints_json_that_parses_and_uses_the_draws_it_was_asked_for(work: Path) -> None:
    done = latentia("evaluate", "runs/digits", "--draws", "7", "--split", "valid", "--json", cwd=work)
    assert done.returncode == 0, done.stderr
    numbers = json.loads(done.stdout)
    assert (numbers["draws"], numbers["split"], numbers["rows"]) == (7, "valid", 180)
    assert numbers["elbo"]["value"] <= numbers["log_px"]["value"]
    assert json.loads((work / "runs" / "digits" / "evaluation-valid.json").read_text()) == numbers


def test_encode_writes_the_same_numbers_in_every_format(work: Path) -> None:
    for name in ("z.csv", "z.npz", "z.parquet"):
        done = latentia("encode", "runs/digits", "digits", "--out", name, cwd=work)
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"wrote {name}\n"
    with (work / "z.csv").open() as file:
        rows = list(csv.DictReader(file))
    arrays = np.load(work / "z.npz")
    import pyarrow.parquet as pq

    table = pq.read_table(work / "z.parquet").to_pydict()
    assert len(rows) == len(arrays["mean"]) == len(table["row"]) == 180
    assert (
        list(rows[0]) == ["row", "label", *(f"mean_{d}" for d in range(10)), *(f"sd_{d}" for d in range(10))] == list(table)
    )
    assert float(rows[5]["mean_3"]) == pytest.approx(float(arrays["mean"][5, 3]), abs=1e-6)
    assert table["sd_9"][7] == pytest.approx(float(arrays["sd"][7, 9]), abs=1e-6)
    assert int(rows[8]["label"]) == int(arrays["label"][8]) == table["label"][8]


def test_encode_reads_a_users_array(work: Path) -> None:
    np.save(work / "mine.npy", np.zeros((4, 8, 8), dtype=np.float32))
    done = latentia("encode", "runs/digits", "mine.npy", "--out", "mine.csv", cwd=work)
    assert done.returncode == 0, done.stderr
    assert len((work / "mine.csv").read_text().splitlines()) == 5


def test_sample_reconstruct_and_report_write_what_they_say(work: Path) -> None:
    for arguments in (
        ("sample", "runs/digits", "-n", "9"),
        ("reconstruct", "runs/digits", "-n", "9"),
        ("report", "runs/digits"),
    ):
        done = latentia(*arguments, cwd=work)
        assert done.returncode == 0, done.stderr
        for line in done.stdout.splitlines():
            assert Path(work, line.removeprefix("wrote ")).stat().st_size > 0
    samples = np.load(work / "runs/digits/samples.npz")
    assert samples["x"].shape == samples["mean"].shape == (9, 1, 8, 8)
    back = np.load(work / "runs/digits/reconstructions.npz")
    assert back["x"].shape == back["reconstruction"].shape == (9, 1, 8, 8)


MISTAKES = {
    "data": (("fit", "digit"), 1, "there is no data set, recipe or recipe file 'digit'; did you mean 'digits'?"),
    "key": (("fit", "digits", "--set", "epoch=3"), 1, "--set epoch: unknown key; did you mean 'epochs'?"),
    "value": (("fit", "digits", "--set", "epochs=zero"), 1, "fit.epochs is 'zero': input should be a valid integer"),
    "part": (
        ("fit", "digits", "--set", "model.family=bernuolli"),
        1,
        "model.family: there is no 'bernuolli'; did you mean 'bernoulli'?",
    ),
    "support": (("fit", "digits", "--set", "model.family=bernoulli"), 1, "outside the support of the likelihood Bernoulli"),
    "binarize": (("fit", "digits", "--binarize", "often"), 1, "data.binarize is 'often'"),
    "offline": (("fit", "omniglot"), 1, "LATENTIA_DATA"),
    "device": (("fit", "digits", "--device", "abacus"), 1, "device 'abacus' cannot be used here"),
    "climb": (("fit", "digits", "--set", "name=.."), 1, "name is '..'"),
    "nowhere": (("fit", "digits", "--out", "fit.txt/run"), 1, "fit.txt/run cannot be written"),
    "huge rate": (("fit", "digits", "--set", "lr=1e30", "--set", "epochs=2"), 1, "try a tenth of it, or clip=10"),
    "huge seed": (("evaluate", "runs/digits", "--seed", "99999999999999999999"), 2, "--seed"),
    "folder": (("fit", "digits", "--out", "runs"), 1, "runs is not empty; choose another --out"),
    "warm-up": (("fit", "digits", "--set", "epochs=1", "--set", "kl_warm_up=99"), 1, "KL warm-up takes 99 steps"),
    "run": (("evaluate", "runs/nowhere"), 1, "runs/nowhere is no run: it has no recipe.json"),
    "split": (("evaluate", "runs/digits", "--split", "tset"), 1, "there is no split 'tset'; did you mean 'test'?"),
    "draws": (("evaluate", "runs/digits", "--draws", "0"), 2, "'--draws'"),
    "format": (
        ("encode", "runs/digits", "digits", "--out", "z.xlsx"),
        1,
        "z.xlsx ends in .xlsx, wanted .csv, .npz or .parquet",
    ),
    "array": (("encode", "runs/digits", "nowhere.npy", "--out", "z.csv"), 1, "nowhere.npy does not exist"),
    "kind": (("list", "famlies"), 1, "there is nothing called 'famlies' to list; did you mean 'families'?"),
    "command": (("fitt", "digits"), 2, "fitt"),
    "option": (("fit", "digits", "--epochs", "3"), 2, "--epochs"),
    "argument": (("fit",), 2, "DATA|RECIPE"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_on_stderr_and_never_a_traceback(mistake: str, work: Path) -> None:
    arguments, status, message = MISTAKES[mistake]
    done = latentia(*arguments, cwd=work)
    assert done.returncode == status, done.stderr
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_a_wrong_array_is_refused_in_one_line(work: Path) -> None:
    (work / "text.npy").write_text("not an array")
    np.save(work / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.save(work / "small.npy", np.zeros((3, 5)))
    for name, message in (
        ("text.npy", "has a header and no rows"),
        ("objects.npy", "holds pickled objects"),
        ("small.npy", "a row of the data has shape (5,)"),
    ):
        done = latentia("encode", "runs/digits", name, "--out", "z.csv", cwd=work)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
        assert message in done.stderr


def test_an_unwritable_folder_is_refused_before_the_fit_and_a_damaged_run_by_file(work: Path) -> None:
    shutil.copytree(work / "runs" / "digits", work / "damaged")
    (work / "damaged" / "model.safetensors").write_bytes(b"x" * 50)
    done = latentia("sample", "damaged", cwd=work)
    assert done.returncode == 1
    assert re.fullmatch(r"latentia: damaged/model.safetensors is damaged \(.*\); .*\n", done.stderr)


def test_a_named_set_is_encoded_as_the_run_read_it(work: Path) -> None:
    recipe = {"name": "dyn", "latents": 2, "evaluation_draws": 1, "data": {"name": "digits"}, "fit": {"epochs": 1}}
    (work / "dyn.json").write_text(json.dumps(recipe))
    assert latentia("fit", "dyn.json", "--out", "dyn", cwd=work).returncode == 0
    assert latentia("encode", "dyn", "digits", "--out", "dyn.npz", cwd=work).returncode == 0
    import latentia as library

    run = library.load(work / "dyn")
    want = run.encode(run.dataset().test.values())
    assert np.load(work / "dyn.npz")["mean"] == pytest.approx(want.numpy(), abs=1e-6)


def heed_ctrl_c() -> None:
    """Whatever a shell starts in the background ignores Ctrl-C, and so would whatever the tests start there."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_after_the_fit_keeps_the_run(work: Path) -> None:
    command = [str(LATENTIA), "fit", "digits", "--set", "epochs=1", "--set", "evaluation_draws=10000000", "--out", "cut"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=work, preexec_fn=heed_ctrl_c, **pipes) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("done after"):
                    break
            for _ in range(600):  # the parts are written before the numbers are begun
                if (work / "cut" / "model.safetensors").is_file():
                    break
                time.sleep(0.1)
            time.sleep(1.0)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert said == "latentia: interrupted; what was finished before is kept, and what was under way is not\n"
    assert latentia("sample", "cut", "-n", "2", cwd=work).returncode == 0


@pytest.mark.parametrize("own", [[], ["--own-training", "--set", "epochs=1"]], ids=["one-model", "own-training"])
def test_ctrl_c_keeps_the_rungs_that_were_finished(work: Path, own: list[str]) -> None:
    run = f"cut-ladder{len(own)}"
    shutil.copytree(work / "runs" / "digits", work / run)
    command = [str(LATENTIA), "ladder", run, *own, "--rungs", "encoder,per-datum", "--rows", "10", "--draws", "5", "--json"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    told = {**os.environ, "LATENTIA_DEBUG": "1"}
    with subprocess.Popen(command, cwd=work, env=told, preexec_fn=heed_ctrl_c, **pipes) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if line.strip() == ("training per-datum" if own else "measuring per-datum"):
                    break
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            said, complaint = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert complaint == "latentia: interrupted; what was finished before is kept, and what was under way is not\n"
    kept = json.loads((work / run / ("ladder-own-training.json" if own else "ladder.json")).read_text())
    assert json.loads(said) == kept
    assert [rung["name"] for rung in kept["rungs"]] == ["encoder"]
    assert "interrupted; not finished: per-datum" in (work / run / "report.html").read_text()


def test_list_names_every_kind_and_every_family(work: Path) -> None:
    from latentia.families import FAMILIES

    everything, families = latentia("list", cwd=work).stdout, latentia("list", "families", cwd=work).stdout
    for word in ("data", "recipes", "mnist-static", "binarized_mnist", "gradients", "vamp", *FAMILIES):
        assert word in everything
    assert all(name in families for name in FAMILIES)
    assert "mnist-static" not in families


def test_list_rungs_names_those_that_train_a_model_too(work: Path) -> None:
    from latentia.ladder import RUNGS, TRAININGS

    done = latentia("list", "rungs", cwd=work)
    one, own = done.stdout.split("rungs with --own-training")
    assert {line.split(" ")[0] for line in one.splitlines()} >= RUNGS.keys()
    assert {line.split(" ")[0] for line in own.splitlines()} >= TRAININGS.keys()
    refused = latentia("list", "rungs with --own-training", cwd=work)
    assert refused.returncode == 1
    assert "there is nothing called" in refused.stderr


def test_help_imports_neither_torch_nor_anything_else_that_is_slow() -> None:
    code = "import sys; from latentia.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "slow = {'torch', 'numpy', 'pydantic', 'matplotlib', 'sklearn'} & set(sys.modules); assert not slow, slow"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_module_runs_like_the_command(work: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "latentia", "--version"], cwd=work, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == "0.1.0"
