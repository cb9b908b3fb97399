"""A refusal in one sentence, before the application is asked, that reaches even a client which is still sending."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress

from starlette.types import Receive, Scope, Send

Header = tuple[bytes, bytes]
# A connection that is closed while the client sends loses the answer on its way; so much longer is it listened to.
LINGER_SECONDS, LINGER_BYTES = 1.0, 4 * 2**20
# Of a body so short the end is waited for, and the connection kept.
SHORT = 2**16
SLOW = 408


def header(scope: Scope, name: bytes) -> str | None:
    """A header's value, or None; the first of several."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)


def declared(scope: Scope) -> int | None:
    """Bytes that the body is to have: 0 for none, None where the client does not say."""
    length = header(scope, b"content-length")
    if header(scope, b"transfer-encoding") is not None:
        return None
    return int(length) if length is not None and length.isdecimal() and len(length) < 19 else 0


async def refuse(
    scope: Scope, receive: Receive, send: Send, status: int, sentence: str, headers: Sequence[Header] = ()
) -> None:
    """Answer {"detail": sentence}; where more comes than is worth waiting for, close the connection."""
    size = declared(scope)
    said = any(name == b"connection" for name, _ in headers)
    closing = [(b"connection", b"close")] if not said and (size is None or size > SHORT or status == SLOW) else []
    body = json.dumps({"detail": sentence}).encode()
    about = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*about, *headers, *closing]})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    if size != 0:
        await _listen(receive)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _listen(receive: Receive) -> None:
    left = LINGER_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body"):
                    return
