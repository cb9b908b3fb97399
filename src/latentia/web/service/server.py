"""uvicorn around the application: a socket of our own, patience that ends, a stop that lets requests finish."""

import os
import signal
import socket
import sys
import tempfile
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import uvicorn

from latentia.core.errors import LatentiaError
from latentia.data import no_downloads
from latentia.runs import Run
from latentia.runs.signals import Signals
from latentia.web.service.app import build
from latentia.web.service.connection import patient
from latentia.web.service.options import Options

if TYPE_CHECKING:
    from fastapi import FastAPI

BACKLOG = 512
# Of a connection on which nothing is asked.
KEEP_ALIVE_SECONDS = 20
HEAD_BYTES = 2**16
# Numbers in an answer to the page, which asks for a walk of large pictures at once.
EXPLORED_VALUES = 8_000_000


def answer(run: Run, options: Options) -> None:
    """Answer until SIGTERM or Ctrl-C; then let requests under way finish.

    Args:
        run: what is asked.
        options: where, and how much.

    Raises:
        LatentiaError: the address cannot be had.
    """
    with listening(options) as listener:
        _answer(listener, run, options)


def show(run: Run, port: int, open_: bool, where: str | None) -> None:
    """See ``latentia.web.service.explore``."""
    from latentia.web.scene import write_scene

    options = Options(port=port, rate=None, values=EXPLORED_VALUES)
    # The port comes first: to look at many rows takes a while, and would be in vain.
    with listening(options) as listener, tempfile.TemporaryDirectory(prefix="latentia-") as folder:
        sys.stderr.write("laying out the map; of 50,000 rows that takes some ten seconds\n")
        sys.stderr.flush()
        scene = Path(folder) / "scene"
        with Signals(), no_downloads():  # so that the folder goes, too, where SIGTERM comes now
            made = write_scene(run, scene, where=where)
        if made.why_no_rows:
            sys.stderr.write(f"the map is empty: {made.why_no_rows}\n")
        _answer(listener, run, options, scene, open_)


class Punctual(uvicorn.Server):
    """A server whose application knows, once it is to stop, by when."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        patience = self.config.timeout_graceful_shutdown
        cast("FastAPI", self.config.app).state.stop_by = None if patience is None else time.monotonic() + patience
        await super().shutdown(sockets)


def server_of(run: Run, options: Options, scene: Path | None = None) -> Punctual:
    """uvicorn for a run."""
    return Punctual(config_of(run, options, scene))


def config_of(run: Run, options: Options, scene: Path | None = None) -> uvicorn.Config:
    """How uvicorn is to serve a run."""
    return uvicorn.Config(
        build(run, options, scene),
        http=patient(options.seconds, options.connections, None if options.proxies else options.connections_each),
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(options.proxies),
        forwarded_allow_ips=list(options.proxies),
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, round(options.grace)),
        h11_max_incomplete_event_size=HEAD_BYTES,
    )


@contextmanager
def listening(options: Options) -> Iterator[socket.socket]:
    """A socket at the address.

    Raises:
        LatentiaError: the port is taken, or the host is none of this machine's.
    """
    try:
        # Where the protocol is not said asyncio does not ask for TCP_NODELAY, and answers wait 40 ms for acknowledgements.
        found = socket.getaddrinfo(options.host, options.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)[0]
        listener = socket.socket(*found[:3])
        try:
            if os.name == "posix":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(found[4])
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise LatentiaError(
            f"{options.host}:{options.port} cannot be listened at ({why}); try another --port, or 0 for a free one."
        ) from None
    with listener:
        yield listener


def address_of(listener: socket.socket) -> str:
    """As a browser takes it."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _answer(listener: socket.socket, run: Run, options: Options, scene: Path | None = None, open_: bool = False) -> None:
    server = server_of(run, options, scene)
    with _ending_quietly():
        address = address_of(listener)
        _say(address, options, scene is not None)
        if open_:
            webbrowser.open(address)
        server.run(sockets=[listener])


def _say(address: str, options: Options, page: bool) -> None:
    sys.stdout.write(f"{address if page else address + '/v1'}  (Ctrl-C ends it)\n")
    sys.stdout.flush()
    if not options.is_local and options.token is None:
        sys.stderr.write("everyone who reaches this machine may ask; --token lets in only those who know it\n")


@contextmanager
def _ending_quietly() -> Iterator[None]:
    """uvicorn raises the signal again that it ended on; by then all is done, and the end is a success."""
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
