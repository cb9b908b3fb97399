"""From a request's body to a question: JSON by its type, floats and pictures by the media type that says so."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.requests import Request

from latentia.core.errors import DataError
from latentia.data import Aspect
from latentia.web.service.about import About
from latentia.web.service.aside import Aside
from latentia.web.service.pictures import decoded, rows_of_pictures
from latentia.web.service.questions import LARGEST, LARGEST_VALUE, MOST_CELLS

JSON, FLOATS, PNG, JPEG = "application/json", "application/octet-stream", "image/png", "image/jpeg"
# Bytes from which a body is read beside the event loop.
LONG = 2**15
LONGEST_SENTENCE = 400
# Lists and objects of a body, beside those that rows are made of; each takes thirty times its two bytes, and longer to make.
MOST_LISTS = 50_000


@dataclass(frozen=True)
class Question:
    """What was asked, with its rows as arrays.

    Attributes:
        said: what else stands in the request, with each field's default where it was left out.
        z: (n, *z_shape) float32, or None.
        rows: (n, *x_shape) float32 with NaN where a value is missing; of a table's cells a frame; or None.
    """

    said: dict[str, Any]
    z: np.ndarray | None = None
    rows: Any = None


class Reader:
    """Reads the questions of one run.

    Args:
        about: the run.
        levels: grey levels to which pictures are brought, or None.
        pixels: that all pictures of a question may have.
        aside: where what takes long is read.
        aspect: how a picture of another shape is brought to the run's.
    """

    def __init__(self, about: About, levels: int | None, pixels: int, aside: Aside, aspect: Aspect = "crop") -> None:
        self._about, self._levels, self._most_pixels, self._aside = about, levels, pixels, aside
        self._aspect: Aspect = aspect
        a_row = max(sum(math.prod(shape[:end]) for end in range(len(shape))) for shape in (about.x_shape, about.z_shape))
        self._most_lists = MOST_LISTS + about.rows * a_row

    async def question(self, request: Request, kind: type[BaseModel], raw: str | None = None) -> Question:
        """The question in a request.

        Args:
            request: the request.
            kind: its type as JSON.
            raw: "z" or "x" where a body may also be bare float32 numbers of it, or (x) a picture.

        Raises:
            HTTPException: 400 no JSON, 415 another media type, 422 not what was wanted.
        """
        media = (request.headers.get("content-type") or "").split(";")[0].strip().lower()
        body = await request.body()
        if media == JSON:
            return await self._read(len(body), lambda: self._of_json(body, kind))
        if media == FLOATS and raw is not None:
            return await self._read(len(body), lambda: self._of_floats(body, raw))
        if media in (PNG, JPEG) and raw == "x" and self._about.kind == "image":
            return await self._read(LONG, lambda: Question({}, rows=self._pictures([body])))
        known = [JSON, *([FLOATS] if raw else []), *([PNG, JPEG] if raw == "x" and self._about.kind == "image" else [])]
        raise HTTPException(415, f"the content-type is {_shown(media) or 'missing'}, wanted {' or '.join(known)}.")

    def _of_json(self, body: bytes, kind: type[BaseModel]) -> Question:
        if body.count(b"[") + body.count(b"{") > self._most_lists:
            raise HTTPException(422, f"the body holds more than {self._most_lists:,} lists; ask about fewer rows at once.")
        try:
            plain = from_json(body, allow_inf_nan=False)
        except ValueError as error:
            raise HTTPException(400, f"the body is not JSON: {_line(str(error))}.") from None
        _check_keys(plain, kind)
        try:
            said = kind.model_validate(plain)
        except ValidationError as error:
            raise HTTPException(422, sentence_of(error)) from None
        return self.arranged({name: getattr(said, name) for name in kind.model_fields})

    def arranged(self, values: dict[str, Any]) -> Question:
        """The question that these fields make; of an end of a walk, the one row is several of one."""
        z, x, rows, png = (values.pop(name, None) for name in ("z", "x", "rows", "png"))
        if z is not None:
            return Question(values, z=np.asarray(z, dtype=np.float32))
        if x is not None:
            return Question(values, rows=np.asarray(x, dtype=np.float32))
        if rows is not None:
            return Question(values, rows=_frame(rows))
        if png is not None:
            return Question(values, rows=self._pictures([decoded(one) for one in png]))
        return Question(values)

    async def end(self, said: BaseModel) -> Question:
        """One end of a walk.

        Raises:
            HTTPException: 422, a picture that cannot be read.
        """
        given = {name: getattr(said, name) for name in said.model_fields_set}
        one = {"rows" if name == "row" else name: [one] for name, one in given.items()}
        return await self._read(LONG, lambda: self.arranged(one))

    def _of_floats(self, body: bytes, raw: str) -> Question:
        shape = self._about.z_shape if raw == "z" else self._about.x_shape
        size = self._about.z_size if raw == "z" else self._about.x_size
        n, rest = divmod(len(body), 4 * size)
        if rest or not 1 <= n <= self._about.rows:
            wanted = f"1 to {self._about.rows} rows of {size} float32 numbers, {4 * size} bytes each"
            raise HTTPException(422, f"the body has {len(body)} bytes, wanted {wanted}.")
        values = np.frombuffer(body, dtype="<f4").reshape(n, *shape).astype(np.float32)
        largest = LARGEST if raw == "z" else LARGEST_VALUE
        # NaN is a missing value of x, and nothing that a z can be.
        odd = ~(np.abs(values) <= largest) & (~np.isnan(values) if raw == "x" else True)
        if odd.any():
            row = int(np.argwhere(odd)[0][0])
            raise HTTPException(422, f"row {row} of {raw} holds a number that is not finite or beyond {largest:g}.")
        return Question({}, z=values) if raw == "z" else Question({}, rows=values)

    def _pictures(self, files: list[bytes]) -> np.ndarray:
        channels, height, width = self._about.x_shape
        return rows_of_pictures(files, (channels, height, width), self._levels, self._most_pixels, self._aspect)

    async def _read(self, size: int, work: Callable[[], Question]) -> Question:
        try:
            return work() if size < LONG else await self._aside(work)
        except DataError as error:
            raise HTTPException(422, _line(str(error))) from None


def sentence_of(error: ValidationError) -> str:
    """Where the first thing is wrong, and what was wanted; never what came, which may be long."""
    first, *others = error.errors(include_url=False, include_context=False, include_input=False)
    where = ".".join(str(part)[:60] for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ").strip().rstrip(".")
    more = f" (and {len(others)} more)" if others else ""
    return _line(f"{where}: {message[:1].lower()}{message[1:]}{more}." if where else f"{message}{more}.")


def _check_keys(plain: Any, kind: type[BaseModel]) -> None:
    """Refuse what is no object, and unknown or too many keys by the first: a sentence for each would be a burden itself."""
    if not isinstance(plain, dict):
        raise HTTPException(
            422, f"the body is a {type(plain).__name__}, wanted an object with {', '.join(kind.model_fields)}."
        )
    unknown = next((name for name in plain if name not in kind.model_fields), None)
    if unknown is not None:
        raise HTTPException(
            422, f"{_shown(unknown)} is nothing that can be said here; known: {', '.join(kind.model_fields)}."
        )
    inner = plain["rows"] if isinstance(plain.get("rows"), list) else plain.values()
    if any(isinstance(one, dict) and len(one) > MOST_CELLS for one in inner):
        raise HTTPException(422, f"an object with more than {MOST_CELLS:,} keys is no row.")


def _line(text: str) -> str:
    return " ".join(text.split())[:LONGEST_SENTENCE]


def _frame(rows: list[dict[str, Any]]) -> Any:
    """Cells as they came: a column's own rule makes numbers or states of them."""
    import pandas as pd

    names = list(dict.fromkeys(name for row in rows for name in row))
    return pd.DataFrame({name: pd.Series([row.get(name) for row in rows], dtype=object) for name in names})


def _shown(text: str) -> str:
    return repr(text[:60]) if text else ""
