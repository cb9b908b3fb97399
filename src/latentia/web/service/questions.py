"""What may be asked, as types with bounds, made for one run: a z of its length, rows of its shape."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, create_model, model_validator

from latentia.evaluation import Metric, WalkPath
from latentia.web.service.about import About
from latentia.web.service.options import Options

# Far outside of anything that is encoded, and far inside of what float32 can square.
LARGEST = 1e6
LARGEST_VALUE = 1e12
LONGEST_CELL, MOST_CELLS, LONGEST_NAME = 10_000, 10_000, 1000
# Of base64 text, beside the limit on a body.
LONGEST_PICTURE = 32 * 2**20
MOST_STEPS = 200
# Columns that the schema names.
MOST_NAMED = 100
HOTTEST = 4.0
STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)

Latent = Annotated[float, Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]


def _whole(value: Any) -> Any:
    """JSON has one kind of number, and its schemas call 1.0 an integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _count(least: int, most: int) -> Any:
    return Annotated[int, Field(ge=least, le=most), BeforeValidator(_whole)]


Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Cell = bool | Whole | Number | Annotated[str, Field(max_length=LONGEST_CELL)] | None
Name = Annotated[str, Field(max_length=LONGEST_NAME)]
Picture = Annotated[str, Field(min_length=4, max_length=LONGEST_PICTURE)]
Seed = _count(0, 2**53 - 1)
Part = Literal["train", "valid", "test"]


@dataclass(frozen=True)
class Questions:
    """A type for each thing that may be asked."""

    decode: type[BaseModel]
    encode: type[BaseModel]
    reconstruct: type[BaseModel]
    sample: type[BaseModel]
    interpolate: type[BaseModel]
    score: type[BaseModel]
    neighbors: type[BaseModel]


def questions(about: About, options: Options) -> Questions:
    """The types for a run."""
    z = _nested(Latent, about.z_shape)
    ways = _ways(about)
    end = _one_of("End", "One end of a walk: its z, or a row to encode.", {"z": z, **_singular(ways)})
    rows = {name: _listed(one, 1, about.rows) for name, one in ways.items()}
    scored = min(about.rows, options.scored)
    # A table's scores are in its columns' own units, which a row of numbers does not have.
    judged = {name: _listed(one, 1, scored) for name, one in ways.items() if name != "x" or about.kind != "table"}
    return Questions(
        decode=_made("Decode", "Points of latent space.", {"z": (_listed(z, 1, about.rows), ...)}),
        encode=_one_of("Encode", "Rows to encode.", rows),
        reconstruct=_one_of("Reconstruct", "Rows to take to their encoding and back.", rows),
        sample=_made(
            "Sample",
            "New rows. The temperature scales z about the prior's mean; mean: the likelihood's mean, not a draw from it.",
            {
                "n": (_count(1, about.rows), 1),
                "temperature": (Annotated[float, Field(ge=0, le=HOTTEST, allow_inf_nan=False)], 1.0),
                "mean": (bool, True),
                "seed": _maybe(Seed),
            },
        ),
        interpolate=_made(
            "Interpolate",
            "A walk between two points; without a path, the one that goes with the prior.",
            {
                "a": (end, ...),
                "b": (end, ...),
                "steps": (
                    _count(2, max(2, min(MOST_STEPS, about.rows))),
                    min(11, max(2, about.rows)),
                ),
                "path": _maybe(WalkPath),
            },
        ),
        score=_one_of(
            "Score",
            "Rows whose log p(x) is wanted.",
            judged,
            {
                "draws": (_count(1, options.draws), min(100, options.draws)),
                "seed": (Seed, 0),
                "top": (_count(0, 20), 3),
            },
            _few_draws(tuple(judged), options.scored_draws),
        ),
        neighbors=_one_of(
            "Neighbors",
            "Rows, or points of latent space, whose nearest rows are wanted.",
            {"z": _listed(z, 1, about.rows), **rows},
            {
                "k": (_count(1, options.neighbors), min(10, options.neighbors)),
                "split": (Part, "train"),
                "metric": (Metric, "euclidean"),
            },
        ),
    )


def _ways(about: About) -> dict[str, Any]:
    """The ways to give one row, by the field in which rows stand; null is a missing value."""
    low, high = (max(-LARGEST_VALUE, min(LARGEST_VALUE, end)) for end in about.x_range)
    value: Any = Annotated[float | None, Field(ge=low, le=high, allow_inf_nan=False)]
    ways = {"x": _nested(value, about.x_shape)}
    if about.schema is not None:
        ways["rows"] = _row([column.name for column in about.schema.columns])
    if about.kind == "image":
        ways["png"] = Picture
    return ways


def _row(columns: list[str]) -> Any:
    """Cells by column, the run's own named; others are ignored, as long as there is one of the run's in some row."""
    named: dict[str, Any] = {"properties": dict.fromkeys(columns[:MOST_NAMED], TypeAdapter(Cell).json_schema())}
    return Annotated[dict[Name, Cell], Field(min_length=1, max_length=MOST_CELLS, json_schema_extra=named)]


def _singular(ways: dict[str, Any]) -> dict[str, Any]:
    return {"row" if name == "rows" else name: one for name, one in ways.items()}


def _listed(one: Any, least: int, most: int) -> Any:
    return Annotated[list[one], Field(min_length=least, max_length=most, fail_fast=True)]


def _nested(one: Any, shape: tuple[int, ...]) -> Any:
    for size in reversed(shape):
        one = _listed(one, size, size)
    return one


def _maybe(kind: Any) -> Any:
    """A field that may be left out, which null does not do."""
    return kind, None


def _made(name: str, told: str, fields: dict[str, Any]) -> type[BaseModel]:
    return create_model(name, __config__=STRICT, __doc__=told, **fields)


def _one_of(
    name: str, told: str, ways: dict[str, Any], more: dict[str, Any] | None = None, also: Callable[[Any], Any] | None = None
) -> type[BaseModel]:
    """A type with exactly one of several fields, and others; ``also`` checks it as a whole."""
    config: ConfigDict = {**STRICT, "json_schema_extra": {"oneOf": [{"required": [way]} for way in ways]}}
    validators: Any = {"exactly_one": model_validator(mode="after")(_exactly_one(tuple(ways)))}
    if also is not None:
        validators["also"] = model_validator(mode="after")(also)
    fields = {**{way: _maybe(kind) for way, kind in ways.items()}, **(more or {})}
    return create_model(name, __config__=config, __doc__=told, __validators__=validators, **fields)


def _exactly_one(ways: tuple[str, ...]) -> Callable[[Any], Any]:
    def check(self: Any) -> Any:
        if len(self.model_fields_set & set(ways)) != 1:
            raise ValueError(f"give {ways[0]}" if len(ways) == 1 else f"give exactly one of {', '.join(ways)}")
        return self

    return check


def _few_draws(ways: tuple[str, ...], most: int) -> Callable[[Any], Any]:
    def check(self: Any) -> Any:
        n = sum(len(getattr(self, way) or ()) for way in ways)
        if n * self.draws > most:
            many = f"{n} rows by {self.draws} draws are {n * self.draws:,} draws"
            raise ValueError(f"{many}, wanted at most {most:,} at once; ask about fewer")
        return self

    return check
