"""Contestants side by side: every one is warmed up alone, then they take turns, A B C A B C."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.speed.task import Task, rows_for, save_rows

ROOT = Path(__file__).parents[2]


class Broken(Exception):
    """A contestant that ended before its time."""


class Contestant:
    """A process that waits for its turn."""

    def __init__(self, name: str, task: Task, rows: Path, rounds: int, threads: int, log: Path) -> None:
        self.name, self.log = name, log
        job = {"entrant": name, "task": task.as_json(), "rows": str(rows), "rounds": rounds}
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.speed.worker", json.dumps(job)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=ROOT,
                env=environment(threads),
                preexec_fn=lambda: os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads]),
            )

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            last = self.log.read_text().strip().splitlines()[-1:] or ["nothing said"]
            raise Broken(f"{self.name} ended with {self.process.returncode}: {last[0]}")
        return json.loads(line)

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def environment(threads: int) -> dict[str, str]:
    """As many threads for everyone; no accelerator."""
    eigen = "true" if threads > 1 else "false"
    counts = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    path = os.pathsep.join(p for p in (str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")) if p)
    xla = f"--xla_cpu_multi_thread_eigen={eigen} intra_op_parallelism_threads={threads}"
    jax = {"XLA_FLAGS": xla, "JAX_PLATFORMS": "cpu"}
    return os.environ | counts | jax | {"PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": ""}


class Entry(NamedTuple):
    """Who, at what."""

    entrant: str
    task: Task


def compete(entries: Mapping[str, Entry], rounds: int, threads: int) -> dict[str, Any]:
    """Every one's seconds a turn, in the order of turns, and what it said at the end, by label."""
    found: dict[str, dict[str, Any]] = {label: {"entrant": who, "seconds": []} for label, (who, _) in entries.items()}
    present: dict[str, Contestant] = {}
    what = ""
    with tempfile.TemporaryDirectory() as folder:
        try:
            for label, (who, task) in entries.items():
                path = Path(folder) / f"{label}.npz"
                rows, what = rows_for(task)
                save_rows(path, rows)
                found[label]["task"] = task.as_json()
                present[label] = Contestant(who, task, path, rounds, threads, path.with_suffix(".log"))
                _heard(label, present, found)
            # The last call lets each go on to its end.
            for _ in range(rounds + 1):
                for label in list(present):
                    present[label].go()
                    _heard(label, present, found)
        finally:
            for one in present.values():
                one.end()
    return {"rows": what, "rounds": rounds, "threads": threads, "found": found}


def _heard(label: str, present: dict[str, Contestant], found: dict[str, dict[str, Any]]) -> None:
    """Note an answer; one who breaks is left out and the others go on."""
    one, at = present[label], found[label]
    try:
        answer = one.hear()
    except Broken as broken:
        at["broken"] = str(broken)
        print(f"  {broken}", file=sys.stderr, flush=True)
        one.end()
        del present[label]
        return
    if "seconds" in answer:
        at["seconds"].append(answer["seconds"])
    else:
        at |= answer
    name, value = next(iter(answer.items()))
    print(f"  {label:18s} {name} {value}", file=sys.stderr, flush=True)
