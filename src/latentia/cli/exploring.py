"""``latentia explore``: a run in a browser, from a server on this machine or as files for any host."""

from pathlib import Path
from typing import Annotated

import typer

from latentia.cli.options import RunFolder


def declare(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(explore)


def explore(
    run: RunFolder,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Of 127.0.0.1; 0 for any that is free.")] = 8000,
    open_: Annotated[bool, typer.Option("--open", help="Open the browser.")] = False,
    export: Annotated[
        Path | None, typer.Option("--export", metavar="DIR", help="Write the page as files that need no server, and end.")
    ] = None,
    no_rows: Annotated[
        bool, typer.Option("--no-rows", help="With --export: nothing of any single row is written; the map is empty.")
    ] = False,
) -> None:
    """Walk through the latent space in a browser: drag, slide, compare, drop rows of your own."""
    from latentia.core.errors import LatentiaError
    from latentia.runs import load

    if export is None:
        if no_rows:
            raise LatentiaError("--no-rows is about what --export writes; give --export DIR, too.")
        from latentia.web.service import explore as serve

        serve(load(run), port, open_, where=str(run))
        return
    from latentia.cli.commands import say_written
    from latentia.web.scene import export_page

    page = export_page(load(run), export, tell_rows=not no_rows)
    say_written(page.files[0])
    size = sum(path.stat().st_size for path in page.files)
    typer.echo(f"{len(page.files)} files, {size / 1e6:.1f} MB; any static host serves them, such as")
    typer.echo(f"  python -m http.server --bind 127.0.0.1 --directory {export}")
    without = "" if no_rows or page.why_no_rows else "; --no-rows leaves that out"
    typer.echo(f"whoever has them can read {page.tells}{without}")
    if page.why_no_rows:
        typer.echo(f"the map is empty: {page.why_no_rows}", err=True)
