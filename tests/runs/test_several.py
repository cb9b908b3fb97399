"""A fit in two processes: one folder, one voice, one end; and how it goes on after a break."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.several import ended, free_port, started
from helpers.small_recipes import NVIL
from helpers.zygote import Process, Zygote
from latentia.runs.checkpoints import CHECKPOINTS, step_of
from latentia.training import from_bytes

SHARED = "latentia: 2 processes on cpu: batch_size 64 is that of all of them, 32 rows each, and noise is each one's own\n"
# Seconds within which the others notice that one is gone.
SOON = 15.0


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    folder = tmp_path_factory.mktemp("several")
    (folder / "nvil.json").write_text(json.dumps({"name": "nvil", **NVIL}))
    with Zygote(folder) as zygote:
        yield zygote


@pytest.fixture(scope="module")
def whole(zygote: Zygote) -> Path:
    run = zygote.cwd / "whole"
    first, second = ended(zygote, "fit", "nvil.json", "--out", str(run))
    assert (first.status, first.err) == (0, SHARED)
    assert first.out.startswith("nvil")
    assert first.out.endswith(f"run     {run}\nreport  {run}/report.html\n")
    assert (second.status, second.out, second.err) == (0, "", "")
    return run


def newest_step(run: Path) -> int:
    return max((step_of(path) for path in (run / CHECKPOINTS).glob("step-*.ckpt")), default=0)


def broken_off(zygote: Zygote, run: Path, after: int = 30) -> list[Process]:
    """Two processes under way, which have kept so many steps and write down every one."""
    arguments = ("fit", "nvil.json", "--out", str(run), "--checkpoint-seconds", "0")
    processes = started(zygote, *arguments)
    end = time.monotonic() + 60
    while newest_step(run) < after:
        assert time.monotonic() < end, [process.killed() for process in processes]
        time.sleep(0.002)
    return processes


def test_the_first_process_alone_writes(whole: Path) -> None:
    files = {path.name for path in whole.iterdir()}
    assert {"recipe.json", "metrics.csv", "model.safetensors", "report.html"} <= files
    assert not files & {CHECKPOINTS, ".lock"}
    assert json.loads((whole / "environment.json").read_text())["environment"]["processes"] == "2"


def assert_same_folder(one: Path, other: Path) -> None:
    for name in ("recipe.json", "model.safetensors", "evaluation.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


@pytest.mark.parametrize("dies", [0, 1])
def test_one_is_killed_and_the_other_says_so_and_both_go_on_to_the_bit(dies: int, whole: Path, zygote: Zygote) -> None:
    run = zygote.cwd / f"killed-{dies}"
    processes = broken_off(zygote, run)
    processes[dies].killed()
    began = time.monotonic()
    left = processes[1 - dies].wait()
    assert time.monotonic() - began < SOON
    assert left.status == 1
    *before, last = left.err.splitlines(keepends=True)
    lost = "latentia: one of the 2 processes ended before its work was done"
    step = newest_step(run)
    if dies:
        assert before == [SHARED]
        assert last == f"{lost}; step {step} is kept, go on with: latentia fit --resume {run}\n"
    else:
        assert (before, last) == ([], f"{lost}\n")
    kept = from_bytes(max((run / CHECKPOINTS).glob("*.ckpt"), key=step_of).read_bytes())
    assert kept.values["ranks"]["of"] == 2
    assert not kept.tensors["random.cpu"].equal(kept.tensors["ranks.1.random.cpu"]), "noise of its own"
    first, second = ended(zygote, "fit", "--resume", str(run))
    assert (first.status, first.err) == (0, SHARED)
    assert (second.status, second.out, second.err) == (0, "", "")
    assert_same_folder(whole, run)


def test_asked_to_end_anywhere_all_end_after_the_same_step_and_another_number_says_what_changes(zygote: Zygote) -> None:
    run = zygote.cwd / "asked"
    processes = broken_off(zygote, run)
    processes[1].send(signal.SIGTERM)
    first, second = (process.wait() for process in processes)
    step = newest_step(run)
    assert (first.status, second.status) == (143, 143)
    assert (
        first.err
        == f"{SHARED}latentia: SIGTERM: ended after step {step}, which is kept; go on with: latentia fit --resume {run}\n"
    )
    assert (second.out, second.err) == ("", "")
    alone = zygote.run("fit", "--resume", str(run))
    note = "begun in 2 processes and gone on with in 1: batches and weights go on as they were, but rows are shared out"
    assert alone.status == 0
    assert alone.err.startswith(f"latentia: {note}")
    assert note in json.loads((run / "environment.json").read_text())["training"]["notes"][-1]


def test_begun_alone_it_goes_on_in_two(zygote: Zygote) -> None:
    run = zygote.cwd / "grown"
    process = zygote.start("fit", "nvil.json", "--out", str(run), "--checkpoint-seconds", "0")
    while newest_step(run) < 30:
        time.sleep(0.002)
    process.killed()
    first, second = ended(zygote, "fit", "--resume", str(run))
    assert (first.status, second.status, second.err) == (0, 0, "")
    assert "latentia: begun in 1 process and gone on with in 2" in first.err


def test_ctrl_c_ends_both_with_what_was_learned(whole: Path, zygote: Zygote) -> None:
    run = zygote.cwd / "ctrl-c"
    processes = broken_off(zygote, run)
    for process in processes:
        process.send(signal.SIGINT)
    first, second = (process.wait() for process in processes)
    assert (first.status, first.err) == (0, SHARED)
    assert first.out.endswith(f"go on   latentia fit --resume {run}\n")
    assert (second.status, second.out, second.err) == (0, "", "")
    assert [done.status for done in ended(zygote, "fit", "--resume", str(run))] == [0, 0]
    assert_same_folder(whole, run)


FAILS = """
from latentia.learners import Joint
step = Joint.step
def failing(self, batch):
    if self.steps == 40:
        raise {error}
    return step(self, batch)
Joint.step = failing
"""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("MemoryError", "out of memory; use a smaller batch_size, fewer draws or a smaller --memory"),
        ("__import__('latentia').LatentiaError('the reason.')", "the reason."),
    ],
)
def test_one_fails_and_the_first_says_why(error: str, said: str, zygote: Zygote) -> None:
    run, began = zygote.cwd / f"fails-{error[:6]}", time.monotonic()
    command = ("fit", "nvil.json", "--out", str(run), "--checkpoint-seconds", "0")
    first, second = ended(zygote, *command, only={1: FAILS.format(error=error)})
    assert time.monotonic() - began < 2 * SOON
    assert (first.status, second.status) == (1, 1)
    go_on = f"; step {newest_step(run)} is kept, go on with: latentia fit --resume {run}\n"
    assert first.err == f"{SHARED}latentia: process 1 of 2: {said}{go_on}"
    assert second.err == ""


def test_the_first_fails_and_says_why_alone(zygote: Zygote) -> None:
    command = ("fit", "nvil.json", "--out", str(zygote.cwd / "fails-0"))
    first, second = ended(zygote, *command, only={0: FAILS.format(error="__import__('latentia').LatentiaError('why.')")})
    assert (first.status, second.status, second.err) == (1, 1, "")
    assert first.err == f"{SHARED}latentia: why.\n"
    assert not (zygote.cwd / "fails-0").exists(), "nothing was kept"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("fit", "nvil.json", "--set", "batch_size=1"),
            "batch_size is 1 for 2 processes, wanted a row for each at least.",
        ),
        (("fit", "nvil.json", "--device", "cpu:0"), "2 processes cannot share 'cpu:0'; say 'cpu', and each takes its own."),
        (("fit", "digitz"), None),
        (("sample", "whole"), "`latentia sample` runs in one process, 2 were started; only `latentia fit` shares its work."),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_what_cannot_be_is_refused_once(arguments: tuple[str, ...], said: str | None, zygote: Zygote) -> None:
    first, second = ended(zygote, *arguments)
    assert (first.status, second.status, second.err) == (1, 1, "")
    last = first.err.splitlines()[-1]
    assert last == f"latentia: {said}" if said else "digitz" in last
    assert first.err.count("\n") <= 2


def test_a_folder_in_use_is_said_once(zygote: Zygote) -> None:
    run = zygote.cwd / "held"
    holder = zygote.start("fit", "nvil.json", "--out", str(run), "--set", "epochs=1000")
    while not (run / ".lock").exists():
        time.sleep(0.005)
    first, second = ended(zygote, "fit", "nvil.json", "--out", str(run))
    holder.killed()
    assert (first.status, second.status, second.err) == (1, 1, "")
    assert first.err == f"latentia: {run} is being fitted by process {holder.pid}; wait for it, or fit into another.\n"


def slurm(rank: int, of: int, port: int) -> dict[str, str]:
    """What srun tells a task; the port by way of the job's number."""
    told = {"PROCID": rank, "STEP_NUM_TASKS": of, "LOCALID": rank, "STEP_TASKS_PER_NODE": of, "JOB_ID": port - 20_000}
    return {f"SLURM_{name}": str(value) for name, value in told.items()} | {"SLURM_STEP_NODELIST": "n[01-02]"}


def test_srun_needs_no_launcher(zygote: Zygote) -> None:
    run = zygote.cwd / "srun"
    first, second = ended(
        zygote, "fit", "nvil.json", "--out", str(run), "--set", "epochs=1", "--set", "kl_warm_up=0", told=slurm
    )
    assert (first.status, first.err, second.status, second.err) == (0, SHARED, 0, "")


def test_torchrun(zygote: Zygote) -> None:
    """The launcher itself, and `python -m latentia` under it."""
    run = zygote.cwd / "torchrun"
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(free_port())]
    command += ["-m", "latentia", "fit", "nvil.json", "--out", str(run), "--set", "epochs=1", "--set", "kl_warm_up=0"]
    told = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=zygote.cwd, env=told, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("batch_size 64") == 1
    assert done.stdout.count("\nreport ") == 1
    assert (run / "report.html").exists()
