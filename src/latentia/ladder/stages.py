"""A ladder is climbed in stages: what cannot be had is left out with a note, Ctrl-C keeps what was finished before."""

from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager

from latentia.core.errors import LatentiaError

# What one stage may fail of without taking the others with it; the second is torch's word for what a distribution lacks.
REASONS = (LatentiaError, NotImplementedError)


class Stages:
    """What becomes of stages that are gone through in order.

    Args:
        names: of all stages.

    Attributes:
        notes: what was left out, and why.
        interrupted: Ctrl-C came.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.notes: list[str] = []
        self.interrupted = False
        self._ahead = list(names)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """One stage; that it cannot be had is noted."""
        try:
            yield
        except REASONS as reason:
            self.notes.append(f"{name} left out: {str(reason).rstrip('.') or type(reason).__name__}")
        self._ahead.remove(name)

    @contextmanager
    def until_interrupted(self) -> Iterator[None]:
        """All stages; Ctrl-C ends them, and those that were not finished are noted."""
        try:
            yield
        except KeyboardInterrupt:
            self.interrupted = True
            self.notes.append(f"interrupted; not finished: {', '.join(self._ahead)}")

    def check(self, finished: Sized) -> None:
        """Refuse to go on with no rung at all.

        Raises:
            KeyboardInterrupt: it came before the first was finished.
            LatentiaError: none could be had.
        """
        if len(finished):
            return
        if self.interrupted:
            raise KeyboardInterrupt
        raise LatentiaError(f"no rung is left: {'; '.join(self.notes) or 'none was named'}; name others with rungs=.")
