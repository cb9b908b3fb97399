"""The last two checkpoints of a run, in its folder: written when they are due, read back as far as they are whole."""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from latentia.core import atomic
from latentia.core.errors import LatentiaError, RunError
from latentia.runs.signals import Signals
from latentia.training import Checkpoint, Damaged, from_bytes

CHECKPOINTS = "checkpoint"
SECONDS = 60.0
KEPT = 2
# A checkpoint that took a second is followed by the next one fifty seconds later at the earliest.
PATIENCE = 50.0


class Checkpoints:
    """A ``Keeper`` that writes into a run's folder.

    One is due after the first step that ends ``seconds`` or more after the last one was written (or the training began), at
    the end of an epoch or within it; later where writing one takes more than a fiftieth of that time. With ``seconds`` 0
    one is due after every step.

    Args:
        folder: the run's.
        seconds: between two.
        signals: what may interrupt a training.
        found: what to go on from, and where it lies; None to begin.

    Attributes:
        about: what every checkpoint says of the fit beside its state; to be filled in before the first one.
        step: after how many steps the last good one was taken; None where there is none.
    """

    def __init__(self, folder: Path, seconds: float, signals: Signals, found: tuple[Checkpoint, Path] | None = None) -> None:
        self.folder, self.seconds, self.signals = folder / CHECKPOINTS, seconds, signals
        self.found, good = found if found else (None, None)
        self.about: dict[str, Any] = {}
        self._good = [good] if good else []
        self._next = time.monotonic() + seconds
        self._complained = False

    @property
    def step(self) -> int | None:
        return step_of(self._good[-1]) if self._good else None

    def due(self) -> bool:
        return time.monotonic() >= self._next

    def keep(self, checkpoint: Checkpoint, step: int) -> None:
        began, path = time.monotonic(), self.folder / f"step-{step}.ckpt"
        self.signals.hold()
        try:
            whole = Checkpoint({**checkpoint.values, **self.about}, checkpoint.tensors)
            atomic.write(path, *whole.to_bytes())
            self._good = [*(one for one in self._good if one != path), path][-KEPT:]
            self._prune()
        except (OSError, MemoryError) as error:
            if not self._complained:
                still = "nothing is kept so far" if self.step is None else f"step {self.step} is kept"
                say(f"a checkpoint cannot be written ({reason(error)}); the fit goes on, and {still}")
            self._complained = True
        now = time.monotonic()
        self._next = now + (max(self.seconds, PATIENCE * (now - began)) if self.seconds else 0.0)
        self.signals.release()

    def hold(self) -> None:
        self.signals.hold()

    def release(self) -> None:
        self.signals.release()

    def remove(self) -> None:
        """Take away every checkpoint, and by that say that the run is finished."""
        for path in (*self.folder.glob("step-*.ckpt"), *self.folder.glob(".*.part")):
            with suppress(OSError):
                path.unlink()
        with suppress(OSError):
            self.folder.rmdir()

    def _prune(self) -> None:
        for path in self.folder.glob("step-*.ckpt"):
            if path not in self._good:
                path.unlink()


def newest(folder: Path) -> tuple[Checkpoint, Path] | None:
    """The newest checkpoint of a run's folder that is whole; None where there never was one. What is damaged is told.

    Raises:
        RunError: all are damaged, or one is of another version.
    """
    damaged: list[tuple[Path, str]] = []
    for path in sorted((folder / CHECKPOINTS).glob("step-*.ckpt"), key=step_of, reverse=True):
        try:
            found = from_bytes(path.read_bytes())
        except (Damaged, OSError) as error:
            damaged.append((path, reason(error)))
            continue
        except LatentiaError as error:
            raise RunError(f"{path} cannot be gone on from: {error}") from None
        for bad, why in damaged:
            say(f"{bad} is damaged ({why}); {path.name} is used in its place")
        return found, path
    if damaged:
        path, why = damaged[0]
        raise RunError(
            f"{path} is damaged ({why})" + (", and so is every other" if len(damaged) > 1 else "") + "; remove "
            f"{folder / CHECKPOINTS}{os.sep}*.ckpt to begin this fit again from its first step."
        )
    return None


def step_of(path: Path) -> int:
    """The step in a checkpoint's name; -1 for a stranger's."""
    digits = path.stem.removeprefix("step-")
    return int(digits) if digits.isdecimal() else -1


def reason(error: BaseException) -> str:
    """Why, in a few words."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0].rstrip(".")


def say(line: str) -> None:
    """One line on standard error, if anybody is left to read it."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"latentia: {line}\n")
        sys.stderr.flush()
