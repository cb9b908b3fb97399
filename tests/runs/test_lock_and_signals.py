"""Who holds a run's folder, and what may interrupt a step."""

import errno
import json
import os
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from helpers.broken_off import RECIPE, ROWS, assert_same
from latentia.core.errors import RunError
from latentia.runs import Run, fit_recipe
from latentia.runs.lock import LOCK, Lock
from latentia.runs.signals import Signals
from latentia.training import Terminated


def test_a_lock_is_one_process_s_and_a_dead_one_s_is_nobody_s(tmp_path: Path) -> None:
    with Lock(tmp_path):
        with pytest.raises(RunError) as error, Lock(tmp_path):
            pass
        assert str(error.value) == f"{tmp_path} is being fitted by process {os.getpid()}; wait for it, or fit into another."
    assert not (tmp_path / LOCK).exists()
    (tmp_path / LOCK).write_text('{"pid": 1, "host": "elsewhere"}')  # what a machine that lost its power leaves
    with Lock(tmp_path):
        pass
    (tmp_path / LOCK).write_text("{")
    with Lock(tmp_path):
        pass


def test_where_the_system_has_no_locks_the_process_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("latentia.runs.lock.fcntl", None)
    with Lock(tmp_path), pytest.raises(RunError, match=f"is being fitted by process {os.getpid()};"), Lock(tmp_path):
        pass
    (tmp_path / LOCK).write_text('{"pid": 1, "host": "elsewhere"}')
    with pytest.raises(RunError, match=r"is being fitted by process 1 on elsewhere;"), Lock(tmp_path):
        pass
    with subprocess.Popen(["true"]) as process:
        dead = process.pid
    (tmp_path / LOCK).write_text(json.dumps({"pid": dead, "host": socket.gethostname()}))
    with Lock(tmp_path):
        pass


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "open", refuses)
    with pytest.raises(RunError) as error, Lock(tmp_path):
        pass
    monkeypatch.undo()
    assert str(error.value) == f"{tmp_path} cannot be written (Read-only file system); make it writable."


def test_signals_wait_for_the_release_and_a_second_one_does_not() -> None:
    usual = signal.getsignal(signal.SIGTERM)
    # A shell's background job is begun without the first, and nohup's without the other.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with Signals() as signals:
        signals.hold()
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Terminated) as ended:
            signals.release()
        assert ended.value.code == 143
        signals.release()
        signals.hold()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(Terminated) as ended:
            signal.raise_signal(signal.SIGHUP)
        assert ended.value.code == 129
    assert signal.getsignal(signal.SIGTERM) is usual


def test_signals_that_somebody_handles_or_ignores_are_left_to_them() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def test_in_another_thread_no_signal_is_touched(tmp_path: Path, whole: Run) -> None:
    runs: list[Run] = []
    thread = threading.Thread(
        target=lambda: runs.append(fit_recipe(RECIPE, data=ROWS, folder=tmp_path / "run", progress=False))
    )
    thread.start()
    thread.join()
    assert_same(runs[0], whole)
