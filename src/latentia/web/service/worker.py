"""One thread that asks the model, so that the event loop never waits for it; what is asked alike is asked at once.

Nothing is held back to fill a batch: while the model is at work requests gather, and those of one kind go together next.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

# (name, parts, rows, seconds) of a call that was made.
Told = Callable[[str, int, int, float], None]


class Busy(Exception):
    """More calls wait than may, of all clients or of one."""


@dataclass(eq=False)
class _Job:
    together: Callable[[list[Any]], Sequence[Any]] | None
    part: Any
    rows: int
    client: str
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    def __post_init__(self) -> None:
        self.answer: asyncio.Future[Any] = self.loop.create_future()


class Worker:
    """Calls one after the other, in the order in which they came but for those that join an earlier one.

    Args:
        waiting: calls that may wait.
        rows: of one call that others have joined.
        told: hears of each call that was made.
        each: calls of one client that may wait; None for as many as there is room for.
    """

    def __init__(self, waiting: int, rows: int, told: Told | None = None, each: int | None = None) -> None:
        self._most, self._rows, self._told, self._each = waiting, rows, told, each or waiting
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Calls that wait."""
        return len(self._jobs)

    async def ask(self, call: Callable[[], Any], client: str = "") -> Any:
        """What ``call`` returns or raises; cancelled before it has begun, it is never made.

        Raises:
            Busy: too many wait.
        """
        return await self._put(_Job(None, call, 1, client))

    async def ask_together(self, call: Callable[[list[Any]], Sequence[Any]], part: Any, rows: int, client: str = "") -> Any:
        """What ``call`` answers for this part of a list of them, in which an exception stands for a part that failed.

        Raises:
            Busy: too many wait.
        """
        return await self._put(_Job(call, part, rows, client))

    def open(self) -> None:
        """Take calls again, once it was closed."""
        with self._changed:
            self._closed = False

    def close(self, seconds: float | None = None) -> None:
        """No more; what waits is done first, for which so many seconds are waited, and what is left then is dropped."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(seconds)
            if not self._thread.is_alive():
                self._thread = None
            with self._changed:
                self._jobs.clear()

    async def _put(self, job: _Job) -> Any:
        self._enqueue(job)
        try:
            return await job.answer
        except asyncio.CancelledError:
            with self._changed, suppress(ValueError):  # it may have begun
                self._jobs.remove(job)
            raise

    def _enqueue(self, job: _Job) -> None:
        with self._changed:
            if self._closed or len(self._jobs) >= self._most:
                raise Busy("too many requests wait; ask again in a moment.")
            if sum(waits.client == job.client for waits in self._jobs) >= self._each:
                raise Busy(f"{self._each} requests of this client wait; ask again once some are answered.")
            self._jobs.append(job)
            if self._thread is None:
                # A daemon, so that a model at work does not keep alive a process that is told to end at once.
                self._thread = threading.Thread(target=self._run, name="model", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def _run(self) -> None:
        while jobs := self._next():
            started = time.perf_counter()
            answers = _answers(jobs)
            if self._told is not None:
                name = getattr(jobs[0].together, "__name__", "call")
                self._told(name, len(jobs), sum(job.rows for job in jobs), time.perf_counter() - started)
            _deliver(jobs, answers)

    def _next(self) -> list[_Job]:
        with self._changed:
            while not self._jobs and not self._closed:
                self._changed.wait()
            if not self._jobs:
                return []
            first = self._jobs.popleft()
            alike, rows = [first], first.rows
            if first.together is None:
                return alike
            for job in [job for job in self._jobs if job.together == first.together]:
                if rows + job.rows <= self._rows:
                    alike.append(job)
                    rows += job.rows
            for job in alike[1:]:
                self._jobs.remove(job)
            return alike


def _answers(jobs: list[_Job]) -> Sequence[Any]:
    call = jobs[0].together
    try:
        if call is None:
            return [jobs[0].part()]
        answers = call([job.part for job in jobs])
        assert len(answers) == len(jobs)
        return answers
    except Exception as error:
        return [error] * len(jobs)


def _deliver(jobs: list[_Job], answers: Sequence[Any]) -> None:
    """One wake-up of the loop for all."""
    for loop in {job.loop for job in jobs}:
        mine = [(job.answer, answer) for job, answer in zip(jobs, answers, strict=True) if job.loop is loop]
        with suppress(RuntimeError):  # a loop that has ended waits for nothing
            loop.call_soon_threadsafe(_settle, mine)


def _settle(answers: list[tuple["asyncio.Future[Any]", Any]]) -> None:
    for future, answer in answers:
        if future.done():
            continue
        if isinstance(answer, BaseException):
            future.set_exception(answer)
        else:
            future.set_result(answer)
