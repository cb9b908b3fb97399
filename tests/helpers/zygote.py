"""The command line in processes of its own, forked from one that has imported all it needs, and free to be killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

SERVER = """
import contextlib, json, os, signal, sys, tempfile
import torch
from latentia.cli import main
torch.set_num_threads(1)
with tempfile.TemporaryDirectory() as folder, contextlib.suppress(SystemExit), contextlib.redirect_stdout(sys.stderr):
    main(["fit", "digits", "--out", folder + "/run", "--set", "epochs=1", "--set", "evaluation_draws=1", "--device", "cpu"])
print("ready", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    if "wait" in asked:
        print(os.waitstatus_to_exitcode(os.waitpid(asked["wait"], 0)[1]), flush=True)
        continue
    pid = os.fork()
    if not pid:
        os.chdir(asked["cwd"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, name in ((1, asked["out"]), (2, asked["err"])):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), number)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        exec(asked["before"])
        status = 0
        try:
            main(asked["arguments"])
        except SystemExit as ended:
            status = ended.code or 0
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # to take a whole interpreter down takes longer than most commands
    else:
        print(pid, flush=True)
"""


class Ended(NamedTuple):
    """Exit status (minus a signal's number where one killed it), and what was said."""

    status: int
    out: str
    err: str


class Process:
    """One command under way."""

    def __init__(self, zygote: "Zygote", pid: int, out: Path, err: Path) -> None:
        self.pid, self._zygote, self._out, self._err = pid, zygote, out, err

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self) -> Ended:
        status = int(self._zygote.ask({"wait": self.pid}))
        return Ended(status, self._out.read_text(), self._err.read_text())

    def killed(self) -> Ended:
        self.send(signal.SIGKILL)
        return self.wait()


class Zygote:
    """As a context: starts commands of the library in a folder.

    Args:
        cwd: where they run, and what they say is kept.
    """

    def __init__(self, cwd: Path) -> None:
        self.cwd, self._started = cwd, 0

    def __enter__(self) -> "Zygote":
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "100", "CUDA_VISIBLE_DEVICES": ""}
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE) | {"text": True}
        self._server = subprocess.Popen([sys.executable, "-c", SERVER], env=environment, **pipes)
        assert self._answer() == "ready"
        return self

    def __exit__(self, *error: object) -> None:
        assert self._server.stdin is not None
        self._server.kill()
        self._server.wait(10)
        self._server.stdin.close()
        for pipe in (self._server.stdout, self._server.stderr):
            assert pipe is not None
            pipe.close()

    def start(self, *arguments: str, before: str = "") -> Process:
        """Begin a command; ``before`` is code that runs in its process first."""
        self._started += 1
        out, err = (self.cwd / f".{self._started}.{name}" for name in ("out", "err"))
        what = {"arguments": arguments, "cwd": str(self.cwd), "out": str(out), "err": str(err), "before": before}
        return Process(self, int(self.ask(what)), out, err)

    def run(self, *arguments: str, before: str = "") -> Ended:
        return self.start(*arguments, before=before).wait()

    def ask(self, what: dict[str, Any]) -> str:
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(what) + "\n")
        self._server.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self._server.stdout is not None
        return self._server.stdout.readline().strip()


def wait_for(path: Path, seconds: float = 60.0) -> None:
    """Until a file is there."""
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not come"
        time.sleep(0.005)
