"""Where a training keeps its state while it runs, as the loop sees it; and the rows by which it is known again."""

import hashlib
from typing import Protocol

from latentia.core.errors import DataError
from latentia.data import SPLIT_NAMES, AnySplit, Dataset
from latentia.training.checkpoint import Checkpoint


class Terminated(SystemExit):
    """The system asked the process to end (SIGTERM, SIGHUP); the training was left between two steps."""


class Keeper(Protocol):
    """Keeps checkpoints, says when one is due, and lets what would interrupt a step wait.

    Attributes:
        found: where to go on from; None to begin.
    """

    found: Checkpoint | None

    def due(self) -> bool:
        """Whether it is time for a checkpoint: asked after every step, so it must cost nothing."""
        ...

    def keep(self, checkpoint: Checkpoint, step: int) -> None:
        """Write one down, taken after so many steps. A disk that is full is said, and is no error."""
        ...

    def hold(self) -> None:
        """Let Ctrl-C and signals wait: what follows must not be left half done."""
        ...

    def release(self) -> None:
        """They may come; one that came meanwhile is raised here.

        Raises:
            KeyboardInterrupt: Ctrl-C came.
            Terminated: the system asked to end.
        """
        ...


class Forgets:
    """Keeps nothing and holds nothing back: a training in memory alone."""

    found: Checkpoint | None = None

    def due(self) -> bool:
        return False

    def keep(self, checkpoint: Checkpoint, step: int) -> None:
        """Nothing."""

    def hold(self) -> None:
        """Nothing."""

    def release(self) -> None:
        """Nothing."""


def fingerprint(data: Dataset) -> str:
    """sha256 of all rows of all splits, with everything that says how they are read; of rows on disk their file's mark."""
    found = hashlib.sha256(str(data.levels).encode())
    for name in SPLIT_NAMES:
        split: AnySplit = getattr(data, name)
        found.update(name.encode())
        for piece in split.marks():
            found.update(piece)
    return found.hexdigest()


def check_rows(data: Dataset, got: str, kept: Checkpoint) -> None:
    """Refuse to go on with other rows than those of a checkpoint.

    Raises:
        DataError: the fingerprints differ.
    """
    wanted = str(kept.values["rows"])
    if got != wanted:
        raise DataError(
            f"the rows of {data.name!r} are not those that this fit began with (sha256 {got[:8]}, wanted {wanted[:8]}); "
            "put those back, or begin a new fit with these."
        )
