"""What a person sees while it runs: a live line on a terminal, plain lines elsewhere; refreshed by time, never by step."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table


class State(NamedTuple):
    """A moment of training; bounds and rates in nats a row.

    Attributes:
        epoch: the epoch under way, from 1.
        epochs: how many there will be at most.
        done: share of all steps taken, 0 to 1.
        bound: mean training bound since the epoch began.
        rate: mean rate since the epoch began.
        valid_bound: bound on validation rows at the last epoch's end; NaN before.
        active_units: at the last epoch's end; NaN before.
        beta: effective KL weight.
        rows_per_second: since the epoch began.
        seconds: since the start.
    """

    epoch: int
    epochs: int
    done: float
    bound: float
    rate: float
    valid_bound: float
    active_units: float
    beta: float
    rows_per_second: float
    seconds: float

    @property
    def seconds_left(self) -> float:
        """If it goes on as it did."""
        return self.seconds * (1 - self.done) / self.done if self.done else float("nan")


class Progress(Protocol):
    """Something to show a training on."""

    refresh_seconds: float

    def start(self) -> None:
        """Before the first step."""
        ...

    def show(self, state: State, epoch_ended: bool) -> None:
        """At every refresh, and at every epoch's end."""
        ...

    def stop(self) -> None:
        """After the last step, however it came about."""
        ...


class Silent:
    """Shows nothing."""

    refresh_seconds = 1.0

    def start(self) -> None:
        """Nothing."""

    def show(self, state: State, epoch_ended: bool) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""


class LiveLine:
    """One line that is redrawn, for a terminal."""

    refresh_seconds = 0.1

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=False)

    def start(self) -> None:
        self._live.start()

    def show(self, state: State, epoch_ended: bool) -> None:
        row = Table.grid(padding=(0, 2))
        row.add_row(
            f"epoch [bold]{state.epoch}[/]/{state.epochs}",
            ProgressBar(total=1.0, completed=state.done, width=24),
            f"bound [bold]{state.bound:.2f}[/]",
            f"valid [bold]{_number(state.valid_bound)}[/]",
            f"rate {state.rate:.2f}",
            f"active {_number(state.active_units, 0)}",
            f"β {state.beta:.3g}",
            f"{state.rows_per_second:,.0f} rows/s",
            f"{_clock(state.seconds_left)} left",
        )
        self._live.update(row, refresh=True)

    def stop(self) -> None:
        self._live.stop()


class PlainLines:
    """A line at an epoch's end, at most one every few seconds, and always the last."""

    refresh_seconds = 1.0

    def __init__(self, console: Console, every_seconds: float = 5.0) -> None:
        self._console, self._every = console, every_seconds
        self._printed = float("-inf")
        self._pending: State | None = None

    def start(self) -> None:
        """Nothing to prepare."""

    def show(self, state: State, epoch_ended: bool) -> None:
        if not epoch_ended:
            return
        self._pending = state
        if time.monotonic() - self._printed >= self._every:
            self._print()

    def stop(self) -> None:
        self._print()

    def _print(self) -> None:
        if (s := self._pending) is None:
            return
        self._console.print(
            f"epoch {s.epoch}/{s.epochs}  bound {s.bound:.2f}  valid {_number(s.valid_bound)}  rate {s.rate:.2f}  "
            f"active {_number(s.active_units, 0)}  beta {s.beta:.3g}  {s.rows_per_second:,.0f} rows/s  "
            f"{_clock(s.seconds_left)} left",
            highlight=False,
            soft_wrap=True,
        )
        self._printed, self._pending = time.monotonic(), None


@contextmanager
def running(progress: Progress) -> Iterator[None]:
    """The progress, started and always stopped."""
    progress.start()
    try:
        yield
    finally:
        progress.stop()


def progress_for(console: Console) -> Progress:
    """A live line on a terminal, plain lines anywhere else."""
    return LiveLine(console) if console.is_terminal else PlainLines(console)


def _number(value: float, digits: int = 2) -> str:
    return "-" if value != value else f"{value:.{digits}f}"


def _clock(seconds: float) -> str:
    """Minutes and seconds.

    >>> _clock(75.2)
    '1:15'
    """
    if seconds != seconds:
        return "-:--"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"
