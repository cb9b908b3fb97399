"""A client that has gone needs no answer: what it asked is dropped, unless it has begun."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.types import Receive

T = TypeVar("T")


class Gone(Exception):
    """Nobody waits for the answer any more."""


async def unless_gone(receive: Receive, call: Awaitable[T]) -> T:
    """What ``call`` answers, which is cancelled where its client disconnects first.

    Args:
        receive: of a request whose body was read.
        call: what was asked.

    Raises:
        Gone: the client has.
    """
    asked, left = asyncio.ensure_future(call), asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait((asked, left), return_when=asyncio.FIRST_COMPLETED)
        if asked.done():
            return asked.result()
        raise Gone
    finally:
        asked.cancel()
        left.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
