"""A fit that is killed again and again, at any moment, ends as the one that was left alone: the same files, bit for bit."""

import csv
import json
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.small_recipes import NVIL, SMALL
from helpers.zygote import Process, Zygote, wait_for
from latentia.runs.checkpoints import CHECKPOINTS, step_of

FIT = {"epochs": 4, "batch_size": 64, "device": "cpu"}
STEPS = 4 * 23
RECIPES: dict[str, dict[str, Any]] = {
    "nvil": NVIL | {"fit": NVIL["fit"] | {"epochs": 4}},
    # Numbers for each training row, which no finished run saves.
    "table": {
        "latents": 2,
        "data": {"name": "digits", "binarize": "none"},
        "model": SMALL,
        "posterior": {"name": "per-datum", "steps": 2, "table": True, "table_steps": 2, "draws": 1},
        "evaluation_draws": 2,
        "fit": FIT,
    },
}


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    folder = tmp_path_factory.mktemp("killed")
    for name, recipe in RECIPES.items():
        (folder / f"{name}.json").write_text(json.dumps({"name": name, **recipe}))
    with Zygote(folder) as zygote:
        yield zygote


def whole_of(zygote: Zygote, name: str) -> Path:
    """A run that nothing broke off, made by the first test of a process that asks for it."""
    whole = zygote.cwd / f"{name}-whole"
    if not whole.exists():
        done = zygote.run("fit", f"{name}.json", "--out", str(whole))
        assert (done.status, done.err) == (0, "")
    return whole


def asked_to_end(zygote: Zygote, run: Path) -> tuple[int, str]:
    """A long fit that was sent SIGTERM: its status, and what it said."""
    process = zygote.start("fit", "nvil.json", "--out", str(run), "--set", "epochs=1000")
    wait_for(run / "recipe.json")
    time.sleep(0.3)
    process.send(signal.SIGTERM)
    ended = process.wait()
    return ended.status, ended.err


def newest_step(run: Path) -> int:
    return max((step_of(path) for path in (run / CHECKPOINTS).glob("step-*.ckpt")), default=0)


def assert_same_folder(one: Path, other: Path) -> None:
    assert sorted(p.name for p in one.iterdir()) == sorted(p.name for p in other.iterdir())
    for name in ("recipe.json", "model.safetensors", "evaluation.json", "samples.png", "reconstructions.png"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    tables, notes = [], []
    for run in (one, other):
        with (run / "metrics.csv").open() as file:
            rows = list(csv.DictReader(file))
        tables.append([{k: v for k, v in row.items() if k not in ("seconds", "rows_per_second")} for row in rows])
        about = json.loads((run / "environment.json").read_text())
        assert about["training"].pop("seconds") > 0
        notes.append(about)
    assert tables[0] == tables[1]
    assert notes[0] == notes[1]


def kill_after(process: Process, run: Path, step: int, moment: float) -> None:
    """A moment after a checkpoint of that step, or a later one, was written."""
    end = time.monotonic() + 60
    while newest_step(run) < step:
        assert time.monotonic() < end, process.killed()
        time.sleep(0.001)
    time.sleep(moment)
    assert process.killed().status == -signal.SIGKILL


@pytest.mark.parametrize(("name", "kills"), [("nvil", 10), ("table", 3)])
def test_killed_at_random_moments_it_ends_to_the_bit_as_if_it_had_not(name: str, kills: int, zygote: Zygote) -> None:
    """The moments are random and seeded; what is claimed holds at every one of them."""
    whole, broken = whole_of(zygote, name), zygote.cwd / f"{name}-broken"
    dice = random.Random(7)
    steps = sorted(dice.sample(range(1, STEPS - 5), kills))
    process = zygote.start("fit", f"{name}.json", "--out", str(broken), "--checkpoint-seconds", "0")
    for step in steps:
        kill_after(process, broken, step, dice.uniform(0, 0.02))
        assert len(list((broken / CHECKPOINTS).glob("step-*.ckpt"))) <= 3, "two, and one that was to be taken away"
        process = zygote.start("fit", "--resume", str(broken), "--checkpoint-seconds", "0")
    wait_for(broken / "environment.json")  # the last time in its evaluation
    process.send(signal.SIGKILL)
    process.wait()
    done = zygote.run("fit", "--resume", str(broken))
    assert (done.status, done.err) == (0, "")
    assert_same_folder(whole, broken)
    again = zygote.run("fit", "--resume", str(broken))
    assert (again.status, again.out) == (0, f"{broken} is finished after 4 epochs; nothing is left to do\n")
    assert_same_folder(whole, broken)


def test_killed_before_its_first_checkpoint_it_begins_again(zygote: Zygote) -> None:
    run = zygote.cwd / "early"
    process = zygote.start("fit", "nvil.json", "--out", str(run))
    wait_for(run / "recipe.json")
    process.killed()
    done = zygote.run("fit", "--resume", str(run))
    assert done.status == 0, done.err
    assert f"{run} goes on from the beginning" in done.out.replace("\n", "")
    assert_same_folder(whole_of(zygote, "nvil"), run)


def test_asked_to_end_it_keeps_the_last_step_and_says_how_to_go_on(zygote: Zygote) -> None:
    run = zygote.cwd / "SIGTERM"
    status, err = asked_to_end(zygote, run)
    assert status == 143
    step = newest_step(run)
    assert step > 0
    said = f"ended after step {step}, which is kept; go on with: latentia fit --resume {run}\n"
    assert err == f"latentia: SIGTERM: {said}"
    assert sorted(p.name for p in run.iterdir()) == [CHECKPOINTS, "recipe.json"]


def test_ctrl_c_keeps_what_was_learned_and_can_be_gone_on_with(zygote: Zygote) -> None:
    run = zygote.cwd / "ctrl-c"
    process = zygote.start("fit", "nvil.json", "--out", str(run), "--checkpoint-seconds", "0")
    while newest_step(run) < 30:
        time.sleep(0.001)
    process.send(signal.SIGINT)
    ended = process.wait()
    assert (ended.status, ended.err) == (0, "")
    assert "interrupted after 1 epochs" in ended.out
    assert ended.out.endswith(f"\ngo on   latentia fit --resume {run}\n")
    assert zygote.run("sample", str(run), "-n", "2").status == 0
    (run / "samples.npz").unlink()
    assert zygote.run("fit", "--resume", str(run)).status == 0
    assert_same_folder(whole_of(zygote, "nvil"), run)


def test_a_second_fit_in_the_folder_is_refused_with_the_first_one_s_number(zygote: Zygote) -> None:
    run = zygote.cwd / "held"
    process = zygote.start("fit", "nvil.json", "--out", str(run), "--set", "epochs=1000")
    wait_for(run / "recipe.json")
    said = f"latentia: {run} is being fitted by process {process.pid}; wait for it, or fit into another.\n"
    for command in (("fit", "nvil.json", "--out"), ("fit", "--resume")):
        refused = zygote.run(*command, str(run))
        assert (refused.status, refused.out, refused.err) == (1, "", said)
    process.killed()
    assert (run / ".lock").exists(), "left by the dead"
    refused = zygote.run("fit", "nvil.json", "--out", str(run))
    assert refused.err == (
        f"latentia: {run} holds a fit that is not finished; go on with `latentia fit --resume {run}`, or choose another "
        "--out.\n"
    )


LIMIT = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))"


@pytest.mark.parametrize(("limit", "kept"), [(2_000, "only the recipe is"), (8_000, "the fitted model is")])
def test_a_disk_that_takes_no_checkpoint_is_said_once_and_at_the_end_what_is_kept(
    limit: int, kept: str, zygote: Zygote
) -> None:
    """The system refuses longer files: a real failure of a real write, for which no disk need be filled."""
    run = zygote.cwd / f"full-{limit}"
    ended = zygote.run("fit", "nvil.json", "--out", str(run), "--checkpoint-seconds", "0", before=LIMIT.format(limit))
    assert ended.status == 1
    assert ended.err.splitlines() == [
        "latentia: a checkpoint cannot be written (File too large); the fit goes on, and nothing is kept so far",
        f"latentia: {run} cannot be written (File too large); {kept} kept, so make room and then: "
        f"latentia fit --resume {run}",
    ]
    assert not list(run.rglob(".*"))
    assert zygote.run("fit", "--resume", str(run)).status == 0
    assert_same_folder(whole_of(zygote, "nvil"), run)


MOUNT = """
import ctypes, subprocess
assert ctypes.CDLL(None).unshare(0x20000) == 0
for command in {0!r}:
    subprocess.run(command, shell=True, check=True)
"""


def mounted(zygote: Zygote, *commands: str) -> str:
    """Code that gives one process a disk of its own, or a skip where it may not have one."""
    code = MOUNT.format(["mount --make-rprivate /", *commands])
    if zygote.run("--version", before=code).status:
        pytest.skip("no mounts here")
    return code


def test_a_full_disk(zygote: Zygote) -> None:
    disk = zygote.cwd / "disk"
    disk.mkdir()
    code = mounted(zygote, f"mount -t tmpfs -o size=16k tmpfs {disk}")
    ended = zygote.run("fit", "nvil.json", "--out", str(disk / "run"), "--checkpoint-seconds", "0", before=code)
    assert ended.status == 1
    first, last = ended.err.splitlines()
    assert first == (
        "latentia: a checkpoint cannot be written (No space left on device); the fit goes on, and nothing is kept so far"
    )
    assert last == (
        f"latentia: {disk}/run cannot be written (No space left on device); only the recipe is kept, so make room and then: "
        f"latentia fit --resume {disk}/run"
    )


def test_a_disk_that_is_read_only(zygote: Zygote) -> None:
    code = mounted(zygote, f"mount --bind {zygote.cwd} {zygote.cwd}", f"mount -o remount,ro,bind {zygote.cwd}")
    run = zygote.cwd / "read-only"
    asked_to_end(zygote, run)
    refused = zygote.run("fit", "--resume", str(run), before=code)
    assert (refused.status, refused.err) == (
        1,
        f"latentia: {run} cannot be written (Read-only file system); make it writable.\n",
    )
    refused = zygote.run("fit", "nvil.json", "--out", str(zygote.cwd / "new"), before=code)
    assert refused.err == (
        f"latentia: {zygote.cwd / 'new'} cannot be written (Read-only file system); choose another --out.\n"
    )


@pytest.mark.parametrize(
    "others",
    [("digits",), ("--set", "epochs=9"), ("--out", "x"), ("--binarize", "none"), ("--seed", "0"), ("--device", "cpu")],
    ids=lambda others: others[0],
)
def test_what_would_change_the_recipe_is_refused(others: tuple[str, ...], zygote: Zygote) -> None:
    refused = zygote.run("fit", "--resume", "run", *others)
    name = others[0] if others[0].startswith("--") else "DATA|RECIPE|PATH"
    assert (refused.status, refused.err) == (
        1,
        f"latentia: {name} has no place beside --resume: run goes on by the recipe it was begun with, or no recipe would "
        "lead to what comes out; leave it out, or begin a new fit.\n",
    )


def test_the_page_about_it_names_options_that_there_are(zygote: Zygote) -> None:
    page = (Path(__file__).parents[2] / "docs" / "survive.md").read_text()
    helped = zygote.run("fit", "--help").out
    for option in ("--resume", "--checkpoint-seconds", "--set"):
        assert f"`{option}" in page or f" {option} " in page
        assert option in helped
