"""Under which names a service may be asked: of one machine its own, elsewhere those that were given, if any were.

A page from anywhere can have its own name point to 127.0.0.1 (DNS rebinding) and would then be of the same origin as the
service; but its browser still sends the page's name in the ``Host`` header.
"""

from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from latentia.web.service.guards.refusing import header, refuse

OWN = ("localhost", "127.0.0.1", "[::1]")
# Who looks whether it lives asks by its address, and learns nothing of the run.
FREE = ("/healthz",)


class Hosts:
    """Refuses requests to other names.

    Args:
        app: who is asked.
        names: those that are meant beside the machine's own.
    """

    def __init__(self, app: ASGIApp, names: Sequence[str] = ()) -> None:
        self._app, self._names = app, {name.lower() for name in (*OWN, *names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope["type"] == "http" and scope["path"] not in FREE
        if asked and name_in(header(scope, b"host") or "") not in self._names:
            sentence = "this service does not answer to this host's name; have its owner say it with --allow-host."
            await refuse(scope, receive, send, 421, sentence)
            return
        await self._app(scope, receive, send)


def name_in(host: str) -> str:
    """The name without the port.

    >>> name_in("LocalHost:8000"), name_in("[::1]:80"), name_in("127.0.0.1")
    ('localhost', '[::1]', '127.0.0.1')
    """
    name, _, port = host.rpartition(":")
    return (name if name and port.isdecimal() else host).lower()
