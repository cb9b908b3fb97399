"""Where a service listens, who may ask it, and how much at once."""

import math
from dataclasses import dataclass, fields

from latentia.core.errors import LatentiaError

LOOPBACK = ("127.0.0.1", "::1", "localhost")
MEBIBYTE = 2**20
SHORTEST_TOKEN = 8


@dataclass(frozen=True)
class Options:
    """All limits are per request unless said otherwise.

    Attributes:
        host: address to listen at; 127.0.0.1 is this machine alone.
        port: 0 for a free one.
        token: what a client must send as ``Authorization: Bearer ...``; None lets everyone ask.
        hosts: names under which clients may reach a service that listens at 127.0.0.1, beside localhost: those that a proxy
            hands on.
        proxies: addresses whose ``X-Forwarded-For`` is believed, by which clients are then told apart.
        body: bytes.
        json: bytes of a body that is JSON, which takes up to thirty times as many in memory.
        rows: rows that may be asked about, and fewer where rows are large, see ``values``.
        values: numbers in an answer.
        scored: rows of a score, which takes ``draws`` draws for each.
        draws: draws a row of a score.
        scored_draws: of a score, over all of its rows.
        neighbors: of a row.
        pixels: of all pictures that come in.
        rate: requests a second of one client, of which ``burst`` may come at once; None for any number.
        burst: see ``rate``.
        seconds: for a client to send a request, and again to take an answer.
        waiting: calls of the model that may wait, of all clients.
        waiting_each: of one client.
        aside: questions that are read, and answers that are written, at once.
        held: bytes of bodies in memory, of all clients.
        connections: open at once, of all clients.
        connections_each: of one client; of any number where proxies are named, as those are all clients in one.
        grace: seconds for requests under way once the service is asked to stop.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    hosts: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    body: int = 16 * MEBIBYTE
    json: int = 4 * MEBIBYTE
    rows: int = 1000
    values: int = 2_000_000
    scored: int = 100
    draws: int = 1000
    scored_draws: int = 20_000
    neighbors: int = 100
    pixels: int = 4_000_000
    rate: float | None = 100.0
    burst: int = 200
    seconds: float = 20.0
    waiting: int = 256
    waiting_each: int = 128
    aside: int = 2
    held: int = 256 * MEBIBYTE
    connections: int = 512
    connections_each: int = 256
    grace: float = 30.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and field.name != "port" and not (math.isfinite(value) and value > 0):
                raise LatentiaError(f"{field.name} is {value}, wanted a finite number above 0.")
        if not 0 <= self.port <= 65535:
            raise LatentiaError(f"port is {self.port}, wanted 0 to 65535; 0 takes a free one.")
        if self.token is not None and not (len(self.token) >= SHORTEST_TOKEN and all("!" <= c <= "~" for c in self.token)):
            raise LatentiaError(
                f"the token has {len(self.token)} characters, wanted at least {SHORTEST_TOKEN}, all ASCII and none blank; "
                "`openssl rand -hex 24` makes one."
            )

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches it."""
        return self.host in LOOPBACK or self.host.startswith("127.")
