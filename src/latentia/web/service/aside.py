"""A few threads for reading questions and writing answers: beside the event loop, and not many of them at once.

What a body becomes in memory is many times its size, so that it is the number of those at work that bounds it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Aside:
    """Runs work in one of few threads; what finds them all busy waits its turn.

    Args:
        threads: how many.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None

    async def __call__(self, work: Callable[[], T]) -> T:
        """What ``work`` returns or raises."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="aside")
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Drop what has not begun."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
