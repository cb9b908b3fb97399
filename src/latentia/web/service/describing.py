"""OpenAPI: what a route takes and gives by media type, and the types behind it."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from starlette.responses import Response

from latentia.web.service.answers import Refused
from latentia.web.service.reading import JSON

REFERENCE = "#/components/schemas/{model}"
BINARY = {"type": "string", "format": "binary"}
REFUSALS = {
    400: "The body is no JSON, or the request no HTTP.",
    401: "The token is missing or wrong.",
    404: "Nothing is there.",
    405: "The path takes another method.",
    406: "No media type that the answer can have is accepted.",
    408: "The body was sent too slowly.",
    409: "The run's own rows cannot be had; the sentence says why.",
    413: "The body is too large.",
    415: "The body is of another media type.",
    421: "The service does not answer to this host's name.",
    422: "Something asked for cannot be; the sentence says what.",
    429: "Too many requests; Retry-After says when to come again.",
    500: "A mistake of the service's own.",
    503: "Too much at once, or the service is stopping; ask again.",
}


def in_and_out(told: str, asked: tuple[type[BaseModel], Sequence[str]] | None, outs: Sequence[str], model: Any) -> Any:
    """Arguments of a route.

    Args:
        told: its summary.
        asked: the type of its question and the media types that a body may have; None where there is no body.
        outs: media types of the answer.
        model: the answer as JSON.
    """
    codes = REFUSALS if asked is not None else {code: REFUSALS[code] for code in (401, 404, 405, 406, 421, 429, 500, 503)}
    refusals = {code: {"model": Refused, "description": why} for code, why in codes.items()}
    others = {media: {"schema": BINARY} for media in outs if media != JSON}
    answer = {"model": model, "description": "The answer.", "content": others}
    extra: dict[str, Any] = {}
    if asked is not None:
        kind, ins = asked
        schema = {"$ref": REFERENCE.format(model=kind.__name__)}
        content = {media: {"schema": schema if media == JSON else BINARY} for media in ins}
        extra = {"requestBody": {"required": True, "content": content}}
    return {
        "summary": told,
        "openapi_extra": extra,
        "responses": {200: answer, **refusals},
        "response_class": Response,
        "response_model": None,
    }


def describe(app: FastAPI, kinds: Sequence[type[BaseModel]], token: bool) -> None:
    """Let the application's OpenAPI hold the types of questions, which its routes read by themselves."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            whole = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            parts = whole.setdefault("components", {})
            schemas = parts.setdefault("schemas", {})
            for kind in kinds:
                schema = kind.model_json_schema(ref_template=REFERENCE)
                schemas |= {name: _plain(inner) for name, inner in schema.pop("$defs", {}).items()}
                schemas[kind.__name__] = _plain(schema)
            if token:
                parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
                whole["security"] = [{"token": []}]
            app.openapi_schema = whole
        return app.openapi_schema

    app.openapi = openapi


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Without a default of null, which stands for what was left out and may not be said."""
    for told in schema.get("properties", {}).values():
        if "default" in told and told["default"] is None:
            del told["default"]
    return schema
