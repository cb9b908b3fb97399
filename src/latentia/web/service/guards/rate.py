"""How often a client may ask: a bucket of tokens for each, that fills evenly and holds a burst."""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from latentia.web.service.guards.refusing import refuse

# The one that was not heard of for longest is forgotten first, and begins anew with a full bucket.
MOST_CLIENTS = 10_000
FREE = ("/healthz",)


class Rate:
    """Refuses what comes too fast, and says when to come again.

    Args:
        app: who is asked.
        rate: requests a second of each client.
        burst: that may come at once.
        clock: seconds.
    """

    def __init__(self, app: ASGIApp, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._app, self._rate, self._burst, self._clock = app, rate, burst, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wait = 0.0 if scope["type"] != "http" or scope["path"] in FREE else self.take(client_of(scope))
        if wait > 0:
            sentence = f"more than {self._rate:g} requests a second; ask again in {math.ceil(wait)} s."
            await refuse(scope, receive, send, 429, sentence, [(b"retry-after", str(math.ceil(wait)).encode())])
            return
        await self._app(scope, receive, send)

    def take(self, client: str) -> float:
        """Take a token: 0, or the seconds until there is one."""
        now = self._clock()
        tokens, then = self._buckets.pop(client, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - then) * self._rate)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self._rate
        self._buckets[client] = (tokens - 1 if tokens >= 1 else tokens, now)
        if len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return wait


def client_of(scope: Scope) -> str:
    """Who asks: the address; of IPv6 the first half, all of which one client may have."""
    address = (scope.get("client") or ("",))[0]
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
