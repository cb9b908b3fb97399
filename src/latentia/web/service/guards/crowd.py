"""Connections beyond what may be open: what they ask is refused in a sentence, and they are closed.

Who is too many is seen where connections come in (``connection.patient``), and told here, so that it is counted and has
the headers of every answer.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from latentia.web.service.guards.refusing import Header, refuse

# In a request's state: why its connection is one too many.
CROWDED = "crowded"
LATER: tuple[Header, ...] = ((b"retry-after", b"1"), (b"connection", b"close"))


class Crowd:
    """Refuses what comes on a connection that is one too many.

    Args:
        app: who is asked otherwise.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        why = scope.get("state", {}).get(CROWDED) if scope["type"] == "http" else None
        if why is not None:
            await refuse(scope, receive, send, 503, why, LATER)
            return
        await self._app(scope, receive, send)
