"""The application: /v1 behind its guards, /healthz, /metrics and, for the explorer, the page and its scene."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import astuple
from pathlib import Path

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles

import latentia
from latentia.core.errors import LatentiaError
from latentia.runs import Run
from latentia.runs.likened import picture_aspect, picture_levels
from latentia.web.service.about import about as look
from latentia.web.service.aside import Aside
from latentia.web.service.asked import Asked
from latentia.web.service.describing import describe
from latentia.web.service.guards import Bodies, Crowd, Hosts, Rate, SafeHeaders, Token
from latentia.web.service.metrics import MEDIA, Metrics
from latentia.web.service.observing import Observed
from latentia.web.service.options import Options
from latentia.web.service.questions import questions
from latentia.web.service.reading import Reader
from latentia.web.service.routes import Routes
from latentia.web.service.worker import Worker

PAGE = Path(__file__).parent.parent / "page"
SENTENCES = {
    404: "there is nothing at this path; /openapi.json says what there is.",
    405: "this path takes another method; the Allow header says which.",
}


def build(run: Run, options: Options, scene: Path | None = None) -> FastAPI:
    """See ``latentia.web.service.make_app``."""
    about = look(run, options)
    kinds = questions(about, options)
    metrics = Metrics({"run": about.name, "version": latentia.__version__})
    asked, aside = Asked(run, about), Aside(options.aside)
    worker = Worker(options.waiting, about.rows, metrics.call, None if options.proxies else options.waiting_each)
    metrics.gauge("latentia_waiting_calls", "Calls of the model that wait.", lambda: float(worker.waiting))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.stop_by = None
        worker.open()
        yield
        # What the server has waited for requests already is not waited once more.
        by = app.state.stop_by
        await asyncio.to_thread(worker.close, options.grace if by is None else max(0.0, by - time.monotonic()))
        aside.close()

    app = FastAPI(
        title=f"Latentia: {about.name}",
        version=latentia.__version__,
        description="A fitted latent variable model. Everything is in nats; axes are rows first.",
        # The usual pages of documentation load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    reader = Reader(about, picture_levels(run), options.pixels, aside, picture_aspect(run))
    router = Routes(about, kinds, reader, asked, worker, aside).router()
    app.include_router(router)
    app.add_exception_handler(HTTPException, _refused)

    @app.api_route("/healthz", methods=["GET", "HEAD"], include_in_schema=False)
    async def healthz() -> Response:
        return JSONResponse({"status": "ok"})

    @app.get("/metrics", include_in_schema=False)
    async def tell() -> Response:
        return Response(metrics.text(), media_type=MEDIA)

    describe(app, astuple(kinds), options.token is not None)
    paths = frozenset(getattr(route, "path", "") for route in (*app.routes, *router.routes))
    if scene is not None:
        app.mount("/scene", StaticFiles(directory=scene), name="scene")
        if not PAGE.is_dir():
            raise LatentiaError("this copy of Latentia lacks the explorer's page; build it in web/, or install a release.")
        app.mount("/", StaticFiles(directory=PAGE, html=True), name="page")
    _guard(app, options, metrics, paths)
    return app


def _guard(app: FastAPI, options: Options, metrics: Metrics, paths: frozenset[str]) -> None:
    """From the inside out."""
    app.add_middleware(Bodies, most=options.body, json=options.json, held=options.held, seconds=options.seconds)
    if options.token is not None:
        app.add_middleware(Token, token=options.token)
    if options.rate is not None:
        app.add_middleware(Rate, rate=options.rate, burst=options.burst)
    if options.is_local or options.hosts:
        app.add_middleware(Hosts, names=(options.host, *options.hosts))
    app.add_middleware(Crowd)
    app.add_middleware(Observed, metrics=metrics, paths=paths)
    app.add_middleware(SafeHeaders)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentence = SENTENCES.get(error.status_code, error.detail)
    return JSONResponse({"detail": sentence}, error.status_code, headers=dict(error.headers or {}))
