"""Contestants side by side: every one is warmed up alone, then they take turns, A B C A B C."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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


def compete(names: Sequence[str], task: Task, rounds: int, threads: int) -> dict[str, Any]:
    """Every contestant's seconds a turn, in the order of turns, and what it said at the end."""
    rows, what = rows_for(task)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npz"
        save_rows(path, rows)
        logs = {name: Path(folder) / f"{name}.log" for name in names}
        present: dict[str, Contestant] = {}
        found: dict[str, dict[str, Any]] = {name: {"seconds": []} for name in names}
        try:
            for name in names:
                one = present[name] = Contestant(name, task, path, rounds, threads, logs[name])
                _heard(one, present, found)
            for _ in range(rounds):
                for name in list(present):
                    present[name].go()
                    _heard(present[name], present, found)
            for name in list(present):
                present[name].go()
                _heard(present[name], present, found)
        finally:
            for one in present.values():
                one.end()
    return {"task": task.as_json(), "rows": what, "rounds": rounds, "threads": threads, "found": found}


def _heard(one: Contestant, present: dict[str, Contestant], found: dict[str, dict[str, Any]]) -> None:
    """Note an answer; one who breaks is left out and the others go on."""
    at = found[one.name]
    try:
        answer = one.hear()
    except Broken as broken:
        at["broken"] = str(broken)
        print(f"  {broken}", file=sys.stderr, flush=True)
        one.end()
        del present[one.name]
        return
    if "seconds" in answer:
        at["seconds"].append(answer["seconds"])
    else:
        at |= answer
    print(f"  {one.name:18s} {next(iter(answer.items()))}", file=sys.stderr, flush=True)
