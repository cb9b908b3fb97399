"""One contestant in a process of its own: it warms up, then takes a turn whenever it is told to.

``python -m benchmarks.speed.worker JOB`` where JOB is JSON; answers are lines of JSON on what was standard output.
"""

import json
import os
import resource
import sys
import time
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

from benchmarks.speed.contestants import ENTRANTS
from benchmarks.speed.task import Task, load_rows

PACKAGES = {"of_pythae": ("pythae", "torch"), "of_pyro": ("pyro-ppl", "torch"), "of_numpyro": ("numpyro", "jax")}


class Turns:
    """Called by a contestant at the end of every epoch; holds it until its next turn."""

    def __init__(self, channel: TextIO, warm: int, turn: int) -> None:
        self.channel, self.turn, self.left, self.warming = channel, turn, warm, True
        self.began = time.perf_counter()

    def epoch_ended(self) -> None:
        self.left -= 1
        if self.left:
            return
        seconds = time.perf_counter() - self.began
        self.tell({"warm": seconds} if self.warming else {"seconds": seconds})
        if sys.stdin.readline().strip() != "go":
            raise SystemExit("the harness is gone")
        self.warming, self.left = False, self.turn
        self.began = time.perf_counter()

    def tell(self, what: dict[str, Any]) -> None:
        print(json.dumps(what), file=self.channel, flush=True)


def main() -> None:
    job = json.loads(sys.argv[1])
    # What libraries print must not get among the answers.
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    entrant, task = ENTRANTS[job["entrant"]], Task(**job["task"])
    began = time.perf_counter()
    if entrant.route:
        from benchmarks.speed import routes

        routes.take(entrant.route)
    module = import_module(f"benchmarks.speed.contestants.{entrant.module}")
    imported, megabytes = time.perf_counter() - began, peak_mib()
    rows = load_rows(Path(job["rows"]))
    turns = Turns(channel, task.warm, task.turn)
    said = module.train(task, rows, task.warm + job["rounds"] * task.turn, turns.epoch_ended, **entrant.options)
    packages = PACKAGES.get(entrant.module, ("torch",))
    turns.tell(
        said
        | {
            "import_seconds": imported,
            "imported_mib": megabytes,
            "peak_mib": peak_mib(),
            "versions": {name: version(name) for name in packages},
        }
    )


def peak_mib() -> float:
    """The most memory this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


if __name__ == "__main__":
    main()
