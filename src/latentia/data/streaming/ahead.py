"""What is made one ahead of its use, in one background thread, in two places that take turns."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from types import TracebackType
from typing import Generic, TypeVar

Job = TypeVar("Job")
Slot = TypeVar("Slot")
Made = TypeVar("Made")


class Ahead(Generic[Job, Slot, Made]):
    """An iterator, as a context: while one thing is used, the next is made.

    What came last may be used until the next is asked for; then its place is filled again. An error in the thread is raised
    where its thing would have come. On the way out the thread is told to stop, and waited for.

    Args:
        jobs: what to make.
        make: (job, place, whether to stop) -> the thing.
        slots: the two places.
    """

    def __init__(
        self, jobs: Iterable[Job], make: Callable[[Job, Slot, Callable[[], bool]], Made], slots: tuple[Slot, Slot]
    ) -> None:
        self._jobs, self._make, self._slots = iter(jobs), make, slots
        self._stop, self._turn = Event(), 0
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="latentia-rows")
        self._next: Future[Made] | None = None

    def __enter__(self) -> Iterator[Made]:
        self._begin()
        return self._all()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _begin(self) -> None:
        try:
            job = next(self._jobs)
        except StopIteration:
            self._next = None
            return
        slot, self._turn = self._slots[self._turn], 1 - self._turn
        self._next = self._pool.submit(self._make, job, slot, self._stop.is_set)

    def _all(self) -> Iterator[Made]:
        while self._next is not None:
            made = self._next.result()
            self._begin()
            yield made
