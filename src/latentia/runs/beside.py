"""What stands for a run's folder in a process that writes none, while the first of several writes it."""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from latentia.core.ranks import Ranks
from latentia.recipe import Recipe
from latentia.runs.place import Place
from latentia.runs.run import Run
from latentia.runs.signals import Signals
from latentia.training import Checkpoint

T = TypeVar("T")


class Listens:
    """A ``Keeper`` that keeps nothing, and lets signals wait as the first process's does."""

    found: Checkpoint | None = None

    def __init__(self, signals: Signals) -> None:
        self._signals = signals

    def due(self) -> bool:
        return False

    def keep(self, checkpoint: Checkpoint, step: int) -> None:
        """Nothing."""

    def hold(self) -> None:
        self._signals.hold()

    def release(self) -> None:
        self._signals.release()


class Beside:
    """As ``Place``, for every process but the first.

    Args:
        resumed: whether a fit was begun there.
    """

    leads = False

    def __init__(self, folder: Path, resumed: bool = False) -> None:
        self.folder, self.resumed = folder, resumed
        self._signals = Signals()
        self.keeper = Listens(self._signals)

    def __enter__(self) -> "Beside":
        self._signals.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._signals.__exit__(kind, error, at)

    def begin(self, recipe: Recipe, processes: int = 1) -> None:
        """Nothing; so are the others."""

    def save(self, run: Run) -> None: ...

    def finish(self, run: Run) -> None: ...

    @property
    def what_is_kept(self) -> str:
        """For the first one to say."""
        return ""


def place_for(ranks: Ranks | None, folder: Path, seconds: float, resumed: bool = False) -> Place | Beside:
    """The folder, for the one that writes it; see ``Place``."""
    return Place(folder, seconds, resumed) if ranks is None or ranks.leads else Beside(folder, resumed)


def in_turn(ranks: Ranks | None, first_here: bool, work: Callable[[], T]) -> T:
    """A piece of work done by one process a machine before the others there do it, so that what it fetches is there."""
    if ranks is None:
        return work()
    done = [work()] if first_here else []
    ranks.most(0)
    return done[0] if done else work()
