"""The outermost layer: every request is counted and timed, and a mistake of the service's own is told in one sentence."""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from latentia.web.service.guards.refusing import refuse
from latentia.web.service.metrics import Metrics

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
log = logging.getLogger("latentia.web")


class Observed:
    """Counts and times what is answered.

    Args:
        app: who answers.
        metrics: where it is counted.
        paths: that are counted by name; others are "other", since anyone can ask for any.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: frozenset[str]) -> None:
        self._app, self._metrics, self._paths = app, metrics, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, seen)
        except Exception:
            log.exception("%s %r failed", scope["method"], scope["path"])
            # An answer that has begun is broken off by the server, which sees that it lacks its end.
            if not status:
                await refuse(scope, receive, seen, 500, "a mistake of the service's own; its log says more.")
        finally:
            path = scope["path"] if scope["path"] in self._paths else "other"
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._metrics.request(path, method, status, time.perf_counter() - started)
