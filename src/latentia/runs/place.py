"""A run's folder while a fit goes on in it: held, begun with the recipe, kept up to date, and finished."""

import json
import signal
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NoReturn

from latentia.core import atomic
from latentia.core.errors import LatentiaError, RunError
from latentia.recipe import Recipe, read_json_object
from latentia.runs.checkpoints import CHECKPOINTS, SECONDS, Checkpoints, newest, reason, say
from latentia.runs.environment import versions
from latentia.runs.folder import RECIPE, check_free, how_it_ended
from latentia.runs.lock import LOCK, Lock
from latentia.runs.run import Run
from latentia.runs.signals import Signals
from latentia.training import Terminated
from latentia.training.agreed import kept_of

# More characters of a value than this are left out of a message.
LONG = 40
ABSENT = "left out"
Stage = Literal["begun", "fitted", "finished"]


class UnsavedRun(RunError):
    """A fit that came to its end and could not be written; ``run`` is what it came to."""

    def __init__(self, message: str, run: Run) -> None:
        super().__init__(message)
        self.run = run


def stage(folder: Path) -> Stage:
    """How far the fit of a folder came: "fitted" lacks its numbers, pictures and report.

    Raises:
        RunError: no fit was begun there; or it cannot be gone on with, and why.
    """
    if not (folder / RECIPE).is_file():
        raise RunError(f"{folder} is no run: it has no {RECIPE}; give the folder in which `latentia fit` was at work.")
    ended, kept = how_it_ended(folder), (folder / CHECKPOINTS).is_dir()
    if ended == "stopped":
        raise RunError(
            f"{folder} was stopped by something that was not finite, and would be again; fit its recipe with another rate: "
            f"latentia fit {folder / RECIPE} --set lr=..."
        )
    if ended is None and not kept:
        raise RunError(f"{folder} is a recipe and no fit was begun there; latentia fit {folder / RECIPE}")
    if not kept and ended == "interrupted":
        raise RunError(f"{folder} was interrupted and kept no checkpoint; fit anew with: latentia fit {folder / RECIPE}")
    if not kept:
        return "finished"
    return "begun" if ended in (None, "interrupted") else "fitted"


class Place:
    """The folder, as a context: locked, with Ctrl-C and SIGTERM in hand; left as it was found if nothing came of the fit.

    Args:
        folder: where; it is made.
        seconds: between two checkpoints; see ``Checkpoints``.
        resumed: whether a fit was begun there; else the folder has to be new or empty.

    Raises:
        RunError: another fit goes on there, it holds something else, or it cannot be written.
        LatentiaError: seconds below 0.

    Attributes:
        keeper: what the training is to be given.
        notes: what the run is to say of how it came about.
    """

    keeper: Checkpoints
    leads = True

    def __init__(self, folder: Path, seconds: float = SECONDS, resumed: bool = False) -> None:
        if not seconds >= 0:
            raise LatentiaError(f"checkpoint_seconds is {seconds}, wanted 0, which is after every step, or more.")
        self.folder, self.resumed, self._seconds = folder, resumed, seconds
        self.notes: list[str] = []
        self._begun, self._saved = resumed, False
        self._signals, self._lock = Signals(), Lock(folder)
        self._made = False

    def __enter__(self) -> "Place":
        # What is somebody else's is not touched, not even by a lock.
        if not self.resumed and not (self.folder / LOCK).exists():
            self._made = not self.folder.exists()
            check_free(self.folder)
        with ExitStack() as stack:
            stack.enter_context(self._lock)
            if not self.resumed:
                check_free(self.folder)
            found = newest(self.folder) if self.resumed and stage(self.folder) == "begun" else None
            self.keeper = Checkpoints(self.folder, self._seconds, self._signals, found)
            stack.enter_context(self._signals)
            stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._signals.__exit__(kind, error, at)
        if isinstance(error, Terminated):
            self._say_terminated(error)
        failed = isinstance(error, LatentiaError) and not (self.resumed or self._saved or self.keeper.step is not None)
        nothing = failed or not self._begun
        if nothing:
            self.keeper.remove()
            if self._begun:
                (self.folder / RECIPE).unlink(missing_ok=True)
        self._lock.__exit__(kind, error, at)
        if nothing and self._made:
            with suppress(OSError):
                self.folder.rmdir()

    def begin(self, recipe: Recipe, processes: int = 1) -> None:
        """Before the first step: write the recipe; or see that it is still the one that this fit began with.

        Args:
            recipe: of the run.
            processes: how many take its steps.

        Raises:
            RunError: it was changed, or cannot be written.
        """
        try:
            (self.folder / CHECKPOINTS).mkdir(exist_ok=True)
            self._begun = True
            if not self.resumed:
                atomic.write_text(self.folder / RECIPE, recipe.to_json())
        except OSError as error:
            raise RunError(f"{self.folder} cannot be written ({reason(error)}); choose another --out.") from None
        self.keeper.about = {"recipe": read_json_object(self.folder / RECIPE), "versions": versions()}
        if (found := self.keeper.found) is not None:
            self._check_recipe(found.values["recipe"])
            self._compare_versions(found.values["versions"])
            self._compare_processes(kept_of(found), processes)

    def save(self, run: Run) -> None:
        """Write a fitted run, over what an earlier part of this fit may have left.

        Raises:
            UnsavedRun: it cannot be written; it is said what is kept.
        """
        self._saved = True
        run.notes.extend(note for note in self.notes if note not in run.notes)
        try:
            run.write(self.folder)
        except (OSError, RunError) as error:
            self._raise_unsaved(error, run)

    def save_findings(self, run: Run) -> None:
        """Bring its numbers, pictures and report up to date; raises as ``save``."""
        try:
            run.save_findings(self.folder)
        except (OSError, RunError) as error:
            self._raise_unsaved(error, run)

    def finish(self, run: Run) -> None:
        """All is done and written. What Ctrl-C ended can be gone on with, so that its checkpoints stay."""
        if run.history.ended != "interrupted":
            self.keeper.remove()

    @property
    def what_is_kept(self) -> str:
        """What to add to the news that this fit ended before its time."""
        return "" if self.keeper.step is None else f"; step {self.keeper.step} is kept, go on with: {self.go_on}"

    @property
    def go_on(self) -> str:
        """The command by which this fit goes on."""
        return f"latentia fit --resume {self.folder}"

    def _raise_unsaved(self, error: Exception, run: Run) -> NoReturn:
        if self._saved and how_it_ended(self.folder) == run.history.ended:
            kept = "the fitted model is"
        elif self.keeper.step is not None:
            kept = f"step {self.keeper.step} is"
        else:
            kept = "only the recipe is"
        why = reason(error.__cause__ or error)
        said = f"{self.folder} cannot be written ({why}); {kept} kept, so make room and then: {self.go_on}"
        raise UnsavedRun(said, run) from None

    def _say_terminated(self, error: Terminated) -> None:
        name = signal.Signals(int(str(error.code)) - 128).name
        if not self._begun:
            say(f"{name}: ended before the first step, and nothing is kept")
        elif self._saved:
            say(f"{name}: ended after the fit, which is kept; make its numbers with: {self.go_on}")
        elif self.keeper.step is None:
            say(f"{name}: ended, and no step is kept; begin again with: {self.go_on}")
        else:
            say(f"{name}: ended after step {self.keeper.step}, which is kept; go on with: {self.go_on}")

    def _check_recipe(self, kept: dict[str, Any]) -> None:
        if odd := _first_difference(self.keeper.about["recipe"], kept):
            raise RunError(
                f"{self.folder / RECIPE} is not the recipe that this fit began with: {odd}; put that back, or begin a new "
                f"fit with: latentia fit {self.folder / RECIPE}"
            )

    def _compare_versions(self, kept: dict[str, str]) -> None:
        now = self.keeper.about["versions"]
        changed = [f"{name} {kept.get(name, '?')} to {now[name]}" for name in now if kept.get(name) != now[name]]
        if changed:
            note = f"gone on with another version ({', '.join(changed)}), so the last digits may differ"
            say(note)
            self.notes.append(note)

    def _compare_processes(self, kept: int, now: int) -> None:
        if kept != now:
            note = (
                f"begun in {_processes(kept)} and gone on with in {now}: batches and weights go on as they were, but rows "
                "are shared out otherwise and meet other noise, so that neither number alone would end in these digits"
            )
            say(note)
            self.notes.append(note)


def _processes(n: int) -> str:
    return f"{n} process" + "es" * (n != 1)


def _first_difference(now: Any, kept: Any, path: str = "") -> str:
    """The first place where two JSON values differ, with both; empty where they are the same."""
    if isinstance(now, dict) and isinstance(kept, dict):
        for key in sorted({*now, *kept}):
            at = f"{path}.{key}" if path else key
            if odd := _first_difference(now.get(key, ABSENT), kept.get(key, ABSENT), at):
                return odd
        return ""
    return "" if now == kept else f"{path} is {_short(now)}, was {_short(kept)}"


def _short(value: Any) -> str:
    text = value if value is ABSENT else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONG else f"{text[:LONG]}..."
