"""A run over HTTP: encode, decode, sample and the rest, with limits, for one machine or behind a proxy.

FastAPI and uvicorn (``pip install 'latentia[web]'``) are imported when a function below is called.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from latentia.core.errors import LatentiaError
from latentia.runs import Run
from latentia.web.service.options import Options

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["Options", "explore", "make_app", "serve"]


def make_app(run: Run, options: Options | None = None, scene: Path | None = None) -> "FastAPI":
    """The application, for any ASGI server.

    Args:
        run: what is asked.
        options: limits and who may ask.
        scene: a folder that ``latentia.web.scene.write_scene`` filled; with it the explorer's page is served, too.

    Raises:
        LatentiaError: FastAPI is not installed.
    """
    _check_installed()
    from latentia.web.service.app import build

    return build(run, options or Options(), scene)


def serve(run: Run, options: Options | None = None) -> None:
    """Answer until SIGTERM or Ctrl-C; requests under way are finished.

    Raises:
        LatentiaError: a package is missing, or the address cannot be had.
    """
    _check_installed()
    from latentia.web.service.server import answer

    answer(run, options or Options())


def explore(run: Run, port: int = 8000, open_: bool = False, where: str | None = None) -> None:
    """The explorer's page and the service behind it on 127.0.0.1, until Ctrl-C.

    Args:
        run: what is looked at.
        port: 0 for a free one.
        open_: show it in the usual browser.
        where: how the run's folder was named, for the lines that the page gives to copy.

    Raises:
        LatentiaError: as ``serve``.
    """
    _check_installed()
    from latentia.web.service.server import show

    show(run, port, open_, where)


def _check_installed() -> None:
    try:
        import fastapi  # noqa: F401  whether it is there
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise LatentiaError(
            f"the service needs {error.name}, which is not installed; pip install 'latentia[web]'."
        ) from None
