"""A request's body, read whole before the application is asked: no more than the limit, no longer than patience lasts."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from latentia.web.service.guards.refusing import Header, declared, header, refuse

SOON: tuple[Header, ...] = ((b"retry-after", b"1"),)


class _Refused(Exception):
    """A status, a sentence, and headers."""

    def __init__(self, status: int, sentence: str, headers: tuple[Header, ...] = ()) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, headers


class Bodies:
    """Reads bodies, and refuses those that are too large, too slow or too many at once.

    Args:
        app: who is asked with the whole body.
        most: bytes of one body.
        json: bytes of one that is JSON.
        held: bytes of all that are in memory.
        seconds: for a client to send one.
    """

    def __init__(self, app: ASGIApp, most: int, json: int, held: int, seconds: float) -> None:
        self._app, self._most, self._json, self._held, self._seconds = app, most, json, held, seconds
        self._now = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (size := declared(scope)) == 0:
            await self._app(scope, receive, send)
            return
        try:
            is_json = (header(scope, b"content-type") or "").strip().lower().startswith("application/json")
            body = await self._read(size, min(self._most, self._json) if is_json else self._most, receive)
        except _Refused as no:
            await refuse(scope, receive, send, no.status, no.sentence, no.headers)
            return
        try:
            await self._app(scope, _again(body, receive), send)
        finally:
            self._now -= len(body)

    async def _read(self, size: int | None, most: int, receive: Receive) -> bytes:
        """The body, which counts as held from now on."""
        taken, parts = 0, list[bytes]()
        try:
            async with asyncio.timeout(self._seconds):
                while True:
                    if max(size or 0, taken) > most:
                        cure = "ask about fewer rows at once" + (
                            ", or send bare float32 numbers" if most < self._most else ""
                        )
                        raise _Refused(413, f"the body is larger than {most:,} bytes; {cure}.")
                    if self._now > self._held:
                        raise _Refused(503, "too many large requests at once; ask again in a moment.", SOON)
                    message = await receive()
                    if message["type"] != "http.request":
                        # A client that has gone hears nothing; else the service is about to stop.
                        raise _Refused(503, "the service is stopping; ask again in a moment.", SOON)
                    part: bytes = message.get("body", b"")
                    parts.append(part)
                    taken += len(part)
                    self._now += len(part)
                    if not message.get("more_body") and taken <= most:
                        return b"".join(parts)
        except TimeoutError:
            self._now -= taken
            slow = f"the body was not there after {self._seconds:g} seconds; send it faster, or fewer rows."
            raise _Refused(408, slow) from None
        except BaseException:
            self._now -= taken
            raise


def _again(body: bytes, receive: Receive) -> Receive:
    """Hands on a body that was read, once; afterwards what the server has to say."""
    told = False

    async def once() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once
