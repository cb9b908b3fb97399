"""From what the model said to a response: JSON, bare float32 numbers or a PNG, whichever the client would rather have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel, Field
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from torch import Tensor

from latentia.data import Schema
from latentia.runs import as_table
from latentia.web.service.aside import Aside
from latentia.web.service.pictures import one_picture
from latentia.web.service.reading import FLOATS, JSON, PNG

# Numbers from which an answer is written beside the event loop.
MANY = 20_000
Numbers = list[Any]
NOTES = Field(default=[], description="Sentences about cells that could not be read.")
CELLS = Field(default=None, description="Of a table: the rows as cells by column.")


class Refused(BaseModel):
    """Why a request was not answered."""

    detail: str = Field(description="One sentence.")


class Decoded(BaseModel):
    """The likelihood's mean at each z; null where the model has no finite number."""

    x: Numbers = Field(description="(n, *x_shape)")
    rows: list[dict[str, Any]] | None = CELLS


class Encoded(BaseModel):
    """What is believed of each row's z."""

    mean: Numbers = Field(description="(n, *z_shape)")
    sd: Numbers = Field(description="(n, *z_shape)")
    notes: list[str] = NOTES


class Reconstructed(Decoded):
    """Rows, by way of their encodings."""

    notes: list[str] = NOTES


class Sampled(Decoded):
    """New rows."""

    z: Numbers = Field(description="(n, *z_shape)")
    seed: int = Field(description="With it the same rows come again.")


class Walked(Decoded):
    """The points of a walk, both ends included."""

    z: Numbers = Field(description="(steps, *z_shape)")


class Scored(BaseModel):
    """log p(x) of each row in nats, by importance weighting."""

    log_px: Numbers
    error: Numbers = Field(description="Standard errors.")
    effective: Numbers = Field(description="Effective draws; where there are few, log_px is too low.")
    unusual: list[list[dict[str, Any]]] = Field(description="Of each row the values that make it least probable, in nats.")
    notes: list[str] = NOTES


class Neighbored(BaseModel):
    """The nearest of the run's own rows, the nearest first."""

    rows: list[list[int]] = Field(description="Numbers of rows in their split.")
    distances: list[list[float]]
    labels: list[list[str | int]] | None = None
    split: str
    metric: str


@dataclass(frozen=True)
class Answer:
    """What may be said of one question.

    Attributes:
        fields: of the JSON; tensors become nested lists, what is not finite null.
        floats: what is sent as bare numbers, or None.
        pictures: rows (n, channels, height, width), or None.
        line: pictures stand in one line.
        schema: of a table, whose cells a JSON answer holds beside the numbers in ``floats``.
    """

    fields: dict[str, Any]
    floats: Tensor | None = None
    pictures: Tensor | None = None
    line: bool = False
    schema: Schema | None = None


def wanted(request: Request, offered: Sequence[str]) -> str:
    """The media type that the client would rather have, the first of equals.

    Raises:
        HTTPException: 406, none of them.
    """
    media = chosen(request.headers.get("accept", "*/*"), offered)
    if media is None:
        raise HTTPException(406, f"the answer can be {', '.join(offered)}, none of which is accepted; change Accept.")
    return media


def chosen(accept: str, offered: Sequence[str]) -> str | None:
    """Which of some media types an Accept header prefers.

    >>> chosen("image/webp, image/png, */*;q=0.8", ["application/json", "image/png"])
    'image/png'
    >>> chosen("*/*", ["application/json", "image/png"])
    'application/json'
    >>> chosen("text/html", ["application/json"]) is None
    True
    """
    ranges = [_range(part) for part in accept.split(",") if part.strip()] or [("*/*", 1.0)]
    best, most = None, 0.0
    for media in offered:
        meant = (media, media.split("/")[0] + "/*", "*/*")
        # The range that says most decides: a type by name, before its family, before any.
        fitting = [(-meant.index(name), quality) for name, quality in ranges if name in meant]
        quality = max(fitting)[1] if fitting else 0.0
        if quality > most:
            best, most = media, quality
    return best


def _range(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                quality = min(1.0, max(0.0, float(parameter[2:])))
            except ValueError:
                quality = 0.0
    return name.lower(), quality


def offers(*, floats: bool, pictures: bool) -> list[str]:
    """Media types, JSON first."""
    return [JSON, *([FLOATS] if floats else []), *([PNG] if pictures else [])]


async def respond(media: str, answer: Answer, aside: Aside) -> Response:
    """The response of this media type; what takes long is written beside the event loop."""
    if media == FLOATS and answer.floats is not None:
        values = answer.floats.detach().cpu().contiguous().numpy().astype("<f4", copy=False)
        shape = ",".join(str(size) for size in values.shape)
        return Response(values.tobytes(), media_type=FLOATS, headers={"x-shape": shape})
    if media == PNG and answer.pictures is not None:
        pictures, line = answer.pictures, answer.line
        return Response(await aside(lambda: one_picture(pictures, line)), media_type=PNG)
    size = sum(value.numel() for value in answer.fields.values() if isinstance(value, Tensor))
    soon = size < MANY and answer.schema is None
    return Response(_whole(answer) if soon else await aside(lambda: _whole(answer)), media_type=JSON)


def _whole(answer: Answer) -> bytes:
    if answer.schema is None or answer.floats is None:
        return json_of(answer.fields)
    return json_of({**answer.fields, **cells(answer.schema, answer.floats)})


def json_of(fields: dict[str, Any]) -> bytes:
    """An object; JSON knows no NaN, which becomes null."""
    return b"{" + b",".join(to_json(name) + b":" + _json(value) for name, value in fields.items()) + b"}"


def _json(value: Any) -> bytes:
    if not isinstance(value, Tensor):
        return to_json(value, inf_nan_mode="null")
    if value.ndim > 1 and value.numel() > MANY:
        # Part by part, since a number takes several times as much in a list as in text.
        return b"[" + b",".join(_json(part) for part in value) + b"]"
    return to_json(value.tolist(), inf_nan_mode="null")


def cells(schema: Schema, x: Tensor) -> dict[str, Any]:
    """{"rows": x as cells by column}."""
    table = as_table(schema, x)
    columns = {name: [_plain(cell) for cell in table[name].astype(object)] for name in table.columns}
    return {"rows": [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]}


def _plain(cell: Any) -> Any:
    if cell is None or cell != cell or type(cell).__name__ in ("NaTType", "NAType"):
        return None
    if isinstance(cell, np.generic):
        cell = cell.item()
    return cell if isinstance(cell, str | int | float | bool) else str(cell)
