"""What one waits for before anything happens: the help, the import, and a small fit from start to exit."""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.speed.harness import ROOT, environment

TURNS = 7
COMMANDS = {
    "python": ["-c", "pass"],
    "latentia --help": ["-m", "latentia", "--help"],
    "import torch": ["-c", "import torch"],
    "import torch, latentia": ["-c", "import torch, latentia"],
    "import torch, latentia.runs": ["-c", "import torch, latentia.runs"],
    "latentia fit digits --set epochs=1": ["-m", "latentia", "fit", "digits", "--set", "epochs=1", "--out"],
}


def measure_startup(options: Any) -> dict[str, Any]:
    """Wall seconds of each command, in turn, after one turn that fills the caches."""
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    broken: dict[str, str] = {}
    folder = Path(tempfile.mkdtemp())
    for turn in range(2 if options.small else TURNS + 1):
        for name, arguments in COMMANDS.items():
            last = [str(folder / f"run-{turn}")] if arguments[-1] == "--out" else []
            began = time.perf_counter()
            done = subprocess.run(
                [sys.executable, *arguments, *last],
                cwd=ROOT,
                env=environment(options.threads),
                capture_output=True,
                text=True,
                check=False,
            )
            took = time.perf_counter() - began
            if done.returncode:
                broken[name] = (done.stderr or done.stdout).strip()[-300:]
            elif turn:
                seconds[name].append(took)
        print(f"  turn {turn} of {TURNS}", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    return {"threads": options.threads, "seconds": seconds, "broken": broken}
