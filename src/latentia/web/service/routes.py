"""/v1: what may be asked of a run."""

import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import torch
from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from latentia.core.errors import LatentiaError
from latentia.web.service import answers
from latentia.web.service.about import About
from latentia.web.service.answers import Answer, offers, respond, wanted
from latentia.web.service.aside import Aside
from latentia.web.service.asked import Asked, NotHere
from latentia.web.service.describing import in_and_out
from latentia.web.service.guards.rate import client_of
from latentia.web.service.leaving import Gone, unless_gone
from latentia.web.service.questions import Questions
from latentia.web.service.reading import FLOATS, JPEG, JSON, PNG, Reader
from latentia.web.service.worker import Busy, Worker

log = logging.getLogger("latentia.web")
LONGEST_LINE = 200
NO_ANSWER = "the model has no answer for these values; give some that are nearer to what it was fitted on."


class Routes:
    """The paths below /v1.

    Args:
        about: the run.
        kinds: what may be asked.
        reader: of questions.
        asked: who answers.
        worker: when.
        aside: where long answers are written.
    """

    def __init__(self, about: About, kinds: Questions, reader: Reader, asked: Asked, worker: Worker, aside: Aside) -> None:
        self._about, self._kinds, self._reader, self._asked, self._worker = about, kinds, reader, asked, worker
        self._aside = aside
        self._pictures = about.kind == "image"

    def router(self) -> APIRouter:
        """All of them."""
        router, kinds, image = APIRouter(prefix="/v1"), self._kinds, self._pictures
        rows_in = [JSON, FLOATS, *([PNG, JPEG] if image else [])]
        x_out = offers(floats=True, pictures=image)
        router.get("/info", **in_and_out("What the run is, and the limits", None, [JSON], dict[str, Any]))(self.info)
        for name, told, kind, ins, outs, model in (
            ("decode", "Latent points to rows", kinds.decode, [JSON, FLOATS], x_out, answers.Decoded),
            ("encode", "Rows to latent points", kinds.encode, rows_in, [JSON, FLOATS], answers.Encoded),
            ("sample", "New rows", kinds.sample, [JSON], x_out, answers.Sampled),
            ("reconstruct", "Rows, by way of their encodings", kinds.reconstruct, rows_in, x_out, answers.Reconstructed),
            ("interpolate", "A walk between two rows or points", kinds.interpolate, [JSON], x_out, answers.Walked),
            ("score", "log p(x)", kinds.score, [JSON], [JSON], answers.Scored),
            ("neighbors", "The nearest of the run's rows", kinds.neighbors, [JSON], [JSON], answers.Neighbored),
        ):
            route: Callable[[Request], Awaitable[Response]] = getattr(self, name)
            router.post(f"/{name}", **in_and_out(told, (kind, ins), outs, model))(route)
        return router

    async def info(self, request: Request) -> Response:
        return await respond(wanted(request, [JSON]), Answer(self._about.told), self._aside)

    async def decode(self, request: Request) -> Response:
        media = wanted(request, offers(floats=True, pictures=self._pictures))
        z = _array((await self._reader.question(request, self._kinds.decode, "z")).z)
        x = await self._together(request, self._asked.decode, z)
        return await self._x(media, x)

    async def encode(self, request: Request) -> Response:
        media = wanted(request, [JSON, FLOATS])
        rows = (await self._reader.question(request, self._kinds.encode, "x")).rows
        found = await self._together(request, self._asked.encode, rows)
        fields = {"mean": found.mean, "sd": found.sd, "notes": found.notes}
        return await respond(media, Answer(fields, floats=torch.stack([found.mean, found.sd])), self._aside)

    async def reconstruct(self, request: Request) -> Response:
        media = wanted(request, offers(floats=True, pictures=self._pictures))
        rows = (await self._reader.question(request, self._kinds.reconstruct, "x")).rows
        x, notes = await self._alone(request, lambda: self._asked.reconstruct(rows))
        return await self._x(media, x, notes=notes)

    async def sample(self, request: Request) -> Response:
        media = wanted(request, offers(floats=True, pictures=self._pictures))
        said = (await self._reader.question(request, self._kinds.sample)).said
        seed = secrets.randbits(53) if said["seed"] is None else said["seed"]
        n, temperature, mean = said["n"], said["temperature"], said["mean"]
        z, x = await self._alone(request, lambda: self._asked.sample(n, temperature, mean, seed))
        return await self._x(media, x, z=z, seed=seed)

    async def interpolate(self, request: Request) -> Response:
        media = wanted(request, offers(floats=True, pictures=self._pictures))
        said = (await self._reader.question(request, self._kinds.interpolate)).said
        ends = [await self._reader.end(said[name]) for name in ("a", "b")]
        steps, path = said["steps"], said["path"]
        z, x = await self._alone(request, lambda: self._asked.interpolate(ends, steps, path))
        return await self._x(media, x, line=True, z=z)

    async def score(self, request: Request) -> Response:
        media = wanted(request, [JSON])
        question = await self._reader.question(request, self._kinds.score)
        said, rows = question.said, question.rows
        draws, seed, top = said["draws"], said["seed"], said["top"]
        found, heaviest = await self._alone(request, lambda: self._asked.score(rows, draws, seed, top))
        unusual = [[part._asdict() for part in each] for each in heaviest]
        fields = {"log_px": found.log_px, "error": found.error, "effective": found.effective, "unusual": unusual}
        return await respond(media, Answer({**fields, "notes": found.notes}), self._aside)

    async def neighbors(self, request: Request) -> Response:
        media = wanted(request, [JSON])
        question = await self._reader.question(request, self._kinds.neighbors)
        said, z, rows = question.said, question.z, question.rows
        split, k, metric = said["split"], said["k"], said["metric"]
        # A piece at a time, so that others are answered in between.
        while not await self._alone(request, lambda: self._asked.know_some(split)):
            pass
        found, labels = await self._alone(request, lambda: self._asked.neighbors(z, rows, k, split, metric))
        fields = {"rows": found.rows, "distances": found.distances, "split": split, "metric": metric}
        return await respond(media, Answer(fields if labels is None else {**fields, "labels": labels}), self._aside)

    async def _x(self, media: str, x: torch.Tensor, line: bool = False, **more: Any) -> Response:
        pictures = x if self._pictures else None
        return await respond(media, Answer({"x": x, **more}, x, pictures, line, self._about.schema), self._aside)

    async def _together(self, request: Request, call: Callable[[list[Any]], Any], part: Any) -> Any:
        """What a call says that others of its kind may join."""
        return await self._model(request, self._worker.ask_together(call, part, len(part), client_of(request.scope)))

    async def _alone(self, request: Request, call: Callable[[], Any]) -> Any:
        """What a call says."""
        return await self._model(request, self._worker.ask(call, client_of(request.scope)))

    async def _model(self, request: Request, call: Awaitable[Any]) -> Any:
        """What the model says, or why it does not.

        Raises:
            HTTPException: 409 rows that are elsewhere, 422 what the rows are to blame for, 503 too many at once; 499, which
                nobody hears, for a client that has gone.
        """
        try:
            return await unless_gone(request.receive, call)
        except Gone:
            raise HTTPException(499, "the client has gone.") from None
        except Busy as error:
            raise HTTPException(503, str(error), {"retry-after": "1"}) from None
        except NotHere as error:
            raise HTTPException(409, str(error)) from None
        except LatentiaError as error:
            raise HTTPException(422, _sentence(error)) from None
        except (ValueError, NotImplementedError, torch.linalg.LinAlgError) as error:  # pyright: ignore[reportPrivateImportUsage]
            # Bounds are wide, and what a likelihood does not hold at their ends it says in many ways.
            log.warning("%s had no answer: %s: %s", request.url.path, type(error).__name__, _sentence(error)[:LONGEST_LINE])
            raise HTTPException(422, NO_ANSWER) from None


def _array(z: np.ndarray | None) -> np.ndarray:
    assert z is not None
    return z


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split())
