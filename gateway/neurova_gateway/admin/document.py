"""The Admin API described by itself: OpenAPI 3.1, at /v1/openapi.json."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..pipeline.call_records import CallRecord
from .answer import answer, query
from .operations.calls import FILTERS
from .operations.consumers import Change, Consumer
from .operations.health import Health
from .operations.keys import IssuedKey, Key, NewKey, Rotation
from .operations.limits import Window
from .operations.live import Live, RouteCalls, Worker
from .operations.platform import Platform
from .page import DEFAULT, MOST
from .reloads import Reload
from .sources import Function, Sources

PROBLEM = "Problem"
_REFERENCE = "#/components/schemas/{name}"


class Operation(msgspec.Struct, frozen=True):
    """Describe one operation; `gives` None: no JSON of a shape, `paged`: a page of `gives`."""

    method: str
    path: str
    says: str
    gives: type | None = None
    takes: type | None = None
    paged: bool = False
    asks: tuple[str, ...] = ()
    status: int = 200
    open: bool = False


OPERATIONS = (
    Operation("GET", "/health", "Tell whether the platform lives.", open=True),
    Operation("GET", "/health/ready", "Tell whether it can serve.", open=True),
    Operation("GET", "/metrics", "Return counters for Prometheus, or OpenMetrics by Accept."),
    Operation("GET", "/v1/openapi.json", "Return this document."),
    Operation("GET", "/v1/platform", "Tell what runs.", Platform),
    Operation("GET", "/v1/health", "Tell how each part stands.", Health),
    Operation("GET", "/v1/workers", "List the processes that serve.", Worker, paged=True),
    Operation("GET", "/v1/reloads", "List what cannot be reloaded.", Reload, paged=True),
    Operation("GET", "/v1/functions", "List the functions.", Function, paged=True),
    Operation("GET", "/v1/functions/{name}", "Return one function.", Function),
    Operation(
        "GET",
        "/v1/keys",
        "List keys.",
        Key,
        paged=True,
        asks=("consumer", "environment", "state"),
    ),
    Operation("POST", "/v1/keys", "Make a key.", IssuedKey, NewKey, status=201),
    Operation("GET", "/v1/keys/{key_id}", "Return one key, without the key.", Key),
    Operation(
        "POST", "/v1/keys/{key_id}/rotate", "Replace a key.", IssuedKey, Rotation, status=201
    ),
    Operation("POST", "/v1/keys/{key_id}/revoke", "End a key.", Key),
    Operation("GET", "/v1/consumers", "List who holds keys.", Consumer, paged=True),
    Operation("GET", "/v1/consumers/{consumer}", "Return one consumer.", Consumer),
    Operation("PATCH", "/v1/consumers/{consumer}", "Bind all keys of one.", Consumer, Change),
    Operation(
        "GET",
        "/v1/limits",
        "Tell how the windows of a consumer or an address stand.",
        Window,
        paged=True,
        asks=("consumer", "address", "route"),
    ),
    Operation("GET", "/v1/live", "Sum up what goes on.", Live),
    Operation("GET", "/v1/live/routes", "Sum up each route.", RouteCalls, paged=True),
    Operation(
        "GET",
        "/v1/calls",
        "List the last calls, newest first.",
        CallRecord,
        paged=True,
        asks=tuple(sorted(FILTERS)),
    ),
)


def routes(sources: Sources) -> list[Route]:
    """Return the resource of the document."""

    def openapi(request: Request) -> Response:
        query(request, ())
        return answer(document(sources.version))

    return [Route("/v1/openapi.json", openapi)]


def document(version: str) -> dict[str, Any]:
    """Return the document."""
    shapes = {shape for each in OPERATIONS for shape in (each.gives, each.takes) if shape}
    ordered = sorted(shapes, key=lambda shape: shape.__name__)
    _, schemas = msgspec.json.schema_components(ordered, ref_template=_REFERENCE)
    schemas[PROBLEM] = {
        "type": "object",
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
        },
        "required": ["type", "title", "status"],
    }
    paths: dict[str, dict[str, Any]] = {}
    for each in OPERATIONS:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {"title": "NEUROVA Admin API", "version": version},
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _operation(each: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": _name(each),
        "summary": each.says,
        "parameters": list(_parameters(each)),
        "responses": {
            str(each.status): {"description": "Done.", **_content(_shape(each))},
            "default": {
                "description": "A refusal that says the fix.",
                "content": {
                    "application/problem+json": {
                        "schema": {"$ref": _REFERENCE.format(name=PROBLEM)}
                    }
                },
            },
        },
    }
    if each.takes is not None:
        schema = {"$ref": _REFERENCE.format(name=each.takes.__name__)}
        made["requestBody"] = {"required": True, **_content(schema)}
    if each.open:
        made["security"] = []
    return made


def _name(each: Operation) -> str:
    words = [part.strip("{}") for part in each.path.removeprefix("/v1").split("/") if part]
    public = ["public"] if each.open else []
    return "_".join([each.method.lower(), *public, *words]).replace(".", "_")


def _parameters(each: Operation) -> Iterator[dict[str, Any]]:
    for part in each.path.split("/"):
        if part.startswith("{"):
            name = part.strip("{}")
            yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    for name in each.asks:
        yield {"name": name, "in": "query", "schema": {"type": "string"}}
    if each.paged:
        many = {"type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT}
        yield {"name": "limit", "in": "query", "schema": many}
        yield {"name": "cursor", "in": "query", "schema": {"type": "string"}}


def _shape(each: Operation) -> dict[str, Any] | None:
    if each.gives is None:
        return None
    one = {"$ref": _REFERENCE.format(name=each.gives.__name__)}
    if not each.paged:
        return one
    return {
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": one},
            "next": {"type": ["string", "null"]},
        },
        "required": ["items", "next"],
    }


def _content(schema: dict[str, Any] | None) -> dict[str, Any]:
    return {} if schema is None else {"content": {"application/json": {"schema": schema}}}
