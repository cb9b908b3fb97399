"""Who may ask: those who send the token."""

import hashlib
import hmac

from starlette.types import ASGIApp, Receive, Scope, Send

from latentia.web.service.guards.refusing import header, refuse

# What a load balancer asks says nothing of the run.
FREE = ("/healthz",)


class Token:
    """Refuses requests without ``Authorization: Bearer TOKEN``; how long that takes does not tell how wrong a token is.

    Args:
        app: who is asked.
        token: the right one.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._right = app, _digest(token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in FREE:
            kind, _, given = (header(scope, b"authorization") or "").partition(" ")
            if kind.lower() != "bearer" or not hmac.compare_digest(_digest(given.strip()), self._right):
                sentence = "this service wants its token; send it as 'Authorization: Bearer TOKEN'."
                await refuse(scope, receive, send, 401, sentence, [(b"www-authenticate", b"Bearer")])
                return
        await self._app(scope, receive, send)


def _digest(token: str) -> bytes:
    """Of one length, whatever came."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
