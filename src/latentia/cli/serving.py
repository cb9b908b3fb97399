"""``latentia serve`` as it is typed; what it does is in ``latentia.web.service``."""

import os
from typing import Annotated

import typer

from latentia.cli.options import RunFolder

TOKEN = "LATENTIA_TOKEN"


def declare(app: typer.Typer) -> None:
    """Add ``serve``."""
    app.command()(serve)


def serve(
    run: RunFolder,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 for all of this machine's.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for a free one.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(envvar=TOKEN, help="What clients must send as a bearer token; better as LATENTIA_TOKEN."),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", help="A name under which it may be asked, beside localhost."),
    ] = None,
    proxy: Annotated[
        list[str] | None, typer.Option("--proxy", metavar="ADDRESS", help="A proxy whose X-Forwarded-For is believed.")
    ] = None,
    rate: Annotated[float, typer.Option(min=0, help="Requests a second of each client; 0 for any number.")] = 100.0,
    body: Annotated[int, typer.Option(min=1, help="Megabytes of a request; of one in JSON a quarter of it.")] = 16,
    rows: Annotated[int, typer.Option(min=1, help="Rows of a request, fewer where they are large.")] = 1000,
    seconds: Annotated[float, typer.Option(min=0.1, help="For a client to send a request, and to take an answer.")] = 20.0,
    grace: Annotated[float, typer.Option(min=1, help="Seconds for requests under way when it is stopped.")] = 30.0,
) -> None:
    """The run over HTTP, for other programs: encode, decode, sample and the rest; see docs/serve.md."""
    from latentia.core.errors import LatentiaError

    if token is None and TOKEN in os.environ:
        # A variable that somebody meant to fill must not let everyone in.
        raise LatentiaError(f"{TOKEN} is empty, wanted a token; unset it to let everyone ask.")
    from latentia.web import service

    options = service.Options(
        host=host,
        port=port,
        token=token,
        hosts=tuple(allow_host or ()),
        proxies=tuple(proxy or ()),
        body=body * 2**20,
        json=body * 2**18,
        held=max(256, 2 * body) * 2**20,
        rows=rows,
        rate=rate or None,
        burst=max(1, round(2 * rate)),
        seconds=seconds,
        grace=grace,
    )
    from latentia.runs import load

    service.serve(load(run), options)
