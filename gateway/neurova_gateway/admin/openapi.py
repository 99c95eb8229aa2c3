"""The OpenAPI 3.1 document of the Admin API, generated from its operations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from .context import AdminContext
from .operation import Call, Operation, operation
from .paging import DEFAULT_LIMIT, MAX_LIMIT

_REFERENCE = "#/components/schemas/{name}"
_PROBLEM = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["type", "title", "status"],
}


def document_operation(operations: Sequence[Operation]) -> Operation:
    """Return an operation that serves the OpenAPI document of `operations` and of itself."""

    @operation("GET", "/v1/openapi.json")
    def get_document(context: AdminContext, call: Call) -> dict[str, Any]:
        """Get this document."""
        return document([*operations, get_document], context.version)

    return get_document


def document(operations: Sequence[Operation], version: str) -> dict[str, Any]:
    """Return the OpenAPI document that describes `operations`."""
    types = {kind for each in operations for kind in (each.response, each.request) if kind}
    ordered = sorted(types, key=lambda kind: kind.__name__)
    _, schemas = msgspec.json.schema_components(ordered, ref_template=_REFERENCE)
    schemas["Problem"] = _PROBLEM
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        path = each.path.replace(":path}", "}")
        paths.setdefault(path, {})[each.method.lower()] = _describe(each, path)
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


def _describe(operation: Operation, path: str) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": _operation_id(operation, path),
        "summary": operation.summary,
        "parameters": list(_parameters(operation, path)),
        "responses": {
            str(operation.status): {"description": "Success.", **_response_content(operation)},
            **{str(status): _problem(HTTPStatus(status).phrase) for status in operation.errors},
            "default": _problem("Refused; `detail` says how to fix the request."),
        },
    }
    if operation.request is not None:
        described["requestBody"] = {"required": True, **_content(_reference(operation.request))}
    if operation.public:
        described["security"] = []
    return described


def _operation_id(operation: Operation, path: str) -> str:
    words = [part.strip("{}") for part in path.removeprefix("/v1").split("/") if part]
    public = ["public"] if operation.public else []
    return "_".join([operation.method.lower(), *public, *words]).replace(".", "_")


def _parameters(operation: Operation, path: str) -> Iterator[dict[str, Any]]:
    for part in path.split("/"):
        if part.startswith("{"):
            name = part.strip("{}")
            yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    for name, description in operation.query.items():
        schema: dict[str, Any] = {"type": "string"}
        yield {"name": name, "in": "query", "description": description, "schema": schema}
    if operation.paged:
        schema = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
        yield {"name": "limit", "in": "query", "schema": schema}
        yield {"name": "cursor", "in": "query", "schema": {"type": "string"}}


def _response_content(operation: Operation) -> dict[str, Any]:
    if operation.response is None:
        return {}
    schema = _reference(operation.response)
    if operation.paged:
        schema = {
            "type": "object",
            "properties": {
                "items": {"type": "array", "items": schema},
                "next": {"type": ["string", "null"]},
            },
            "required": ["items", "next"],
        }
    return _content(schema)


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, **_content(_PROBLEM_REFERENCE, "application/problem+json")}


def _reference(kind: type) -> dict[str, Any]:
    return {"$ref": _REFERENCE.format(name=kind.__name__)}


def _content(schema: dict[str, Any], media_type: str = "application/json") -> dict[str, Any]:
    return {"content": {media_type: {"schema": schema}}}


_PROBLEM_REFERENCE = {"$ref": _REFERENCE.format(name="Problem")}
