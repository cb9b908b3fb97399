"""Runs to serve, clients that ask an application in memory, and a server on a port of its own."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

from latentia.runs import Run, fit_recipe
from latentia.web.service import Options, make_app
from latentia.web.service.server import listening, server_of

HOME = "http://127.0.0.1"
SMALL = {
    "name": "tiny",
    "latents": 2,
    "model": {"network": {"hidden": [8]}, "family": {"name": "bernoulli"}},
    "posterior": {"network": {"hidden": [8]}},
    "fit": {"epochs": 1, "device": "cpu"},
}
PIXELS = (np.random.default_rng(0).random((80, 1, 4, 3)) < 0.4).astype(np.uint8)


def image_run(**changes: Any) -> Run:
    """A fit to pictures of bits, 4 high and 3 wide."""
    return fit_recipe({**SMALL, **changes}, data=PIXELS, progress=False)


Ask = Callable[[httpx2.AsyncClient], Coroutine[Any, Any, Any]]


def talk(app: Any, ask: Ask, base: str = HOME) -> Any:
    """What ``ask`` returns of a client to an application in memory."""

    async def with_client() -> Any:
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url=base) as client:
            return await ask(client)

    return asyncio.run(with_client())


def get(app: Any, path: str, **more: Any) -> httpx2.Response:
    return talk(app, lambda client: client.get(path, **more))


def post(app: Any, path: str, said: Any = None, **more: Any) -> httpx2.Response:
    return talk(app, lambda client: client.post(path, **({"json": said} if said is not None else {}), **more))


def unlimited(run: Run, **changes: Any) -> Any:
    """An application without a rate."""
    return make_app(run, Options(**{"rate": None, **changes}))


def refused(response: httpx2.Response, status: int) -> str:
    """The sentence of a refusal of this status."""
    assert response.status_code == status, response.text
    assert list(response.json()) == ["detail"]
    sentence = response.json()["detail"]
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


@contextmanager
def serving(run: Run, scene: Path | None = None, **changes: Any) -> Iterator[int]:
    """The port of a server in a thread."""
    options = Options(**{"port": 0, "rate": None, "grace": 5.0, **changes})
    server = server_of(run, options, scene)
    with listening(options) as listener:
        port = listener.getsockname()[1]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            until(lambda: server.started)
            yield port
        finally:
            server.should_exit = True
            thread.join(20)
    assert not thread.is_alive()


def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def connected(port: int) -> socket.socket:
    """A client's end of a connection."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=20)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def head(path: str, length: int | str, method: str = "POST") -> bytes:
    """A request up to its body."""
    lines = (f"{method} {path} HTTP/1.1", "host: localhost", "content-type: application/json", f"content-length: {length}")
    return "\r\n".join((*lines, "", "")).encode()


def answer(sock: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    parts = []
    try:
        while part := sock.recv(65536):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)
