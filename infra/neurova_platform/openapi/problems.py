"""The error responses of a function, and their components in the document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neurova.endpoints.function import DirectFunction, HttpFunction
from neurova.http.problem import PROBLEM_JSON, reason_phrase

from . import headers
from .rejects import find_rejects

SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "What is wrong and how to fix it (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "Problem kind."},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What is wrong, and how to fix it."},
        "instance": {"type": "string", "description": "The path of the request."},
        "trace_id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}},
    },
}
FAULT: dict[str, Any] = {
    "title": "Fault",
    "description": "One invalid value.",
    "type": "object",
    "required": ["pointer", "message", "in"],
    "properties": {
        "pointer": {"type": "string", "description": "JSON pointer (RFC 6901) to the value."},
        "message": {"type": "string"},
        "in": {"enum": ["body", "path", "query", "header", "cookie"]},
    },
}
HEADERS: dict[str, dict[str, Any]] = {
    "Retry-After": {
        "description": "The seconds after which to retry.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {
        "description": "How to authenticate (RFC 6750).",
        "schema": {"type": "string"},
    },
}
_PROBLEMS = {
    400: ("Malformed", "The path, query, body or headers of the request are malformed."),
    401: ("Unauthorized", "The key is missing, mistyped, unknown, revoked or expired."),
    403: ("Forbidden", "The key lacks a scope, or is not allowed from this address."),
    404: ("NotFound", "Not found."),
    406: ("NotAcceptable", "No available media type matches `Accept`."),
    408: ("BodyTimeout", "The body did not arrive in time."),
    409: ("InProgress", "A request with this `Idempotency-Key` is still in progress."),
    413: ("BodyTooLarge", "The body is too large."),
    415: (
        "UnsupportedMediaType",
        "The body is not declared as JSON, or it is compressed.",
    ),
    422: ("Invalid", "Some values are invalid; `errors` lists all of them."),
    429: ("RateLimitExceeded", "Rate limit exceeded."),
    500: ("InternalError", "The function failed; the log has the cause under the id in `detail`."),
    503: (
        "Unavailable",
        "A needed service is unavailable, or the concurrency limit is reached.",
    ),
    504: ("Timeout", "The function did not finish in time."),
}
"""The name of the component and its description, by status."""
_HEADERS_BY_STATUS: dict[int, Mapping[str, bool]] = {
    401: {"WWW-Authenticate": True},
    403: {"WWW-Authenticate": False},
    409: {"Retry-After": False},
    429: {"Retry-After": True, "RateLimit": True, "RateLimit-Policy": True},
    503: {"Retry-After": False},
}
_DEFAULT = "Problem"


def list_statuses(function: HttpFunction, *, limited: bool) -> tuple[int, ...]:
    """Return the statuses of errors that the platform itself may return for a function.

    `limited`: each consumer has a rate limit that all operations share.
    """
    description, kinds = function.description, {p.kind for p in function.binding.parameters}
    body = "body" in kinds
    found = {
        400: True,
        401: not description.public,
        403: not description.public,
        404: "path" in kinds,
        406: function.binding.json_out or getattr(function, "streams", False),
        408: body,
        409: function.stores_replies,
        413: body,
        415: body,
        422: function.stores_replies or bool(kinds & {"body", "path", "query", "header", "cookie"}),
        429: bool(description.limit) or limited or not description.public,
        500: True,
        503: True,
        504: not isinstance(function, DirectFunction),
    }
    return tuple(status for status, can_be in found.items() if can_be)


def describe_problems(function: HttpFunction, *, limited: bool) -> dict[str, Any]:
    """Return the error responses of a function, including `default` for all other statuses."""
    known = list_statuses(function, limited=limited)
    found: dict[int, Any] = {status: _reference(_PROBLEMS[status][0]) for status in known}
    for status, texts in find_rejects(function.handler).items():
        if status not in found or texts:
            common = (_PROBLEMS[status][1],) if status in found else ()
            found[status] = response(status, (*common, *texts))
    ordered = {str(status): found[status] for status in sorted(found)}
    return {**ordered, "default": _reference(_DEFAULT)}


def response(status: int, texts: tuple[str, ...]) -> dict[str, Any]:
    """Return the description of an error response with `status`; 0 stands for any status."""
    built: dict[str, Any] = {
        "description": " ".join(map(_sentence, texts)) or reason_phrase(status)
    }
    if named := _HEADERS_BY_STATUS.get(status):
        built["headers"] = {name: _header(name, always) for name, always in named.items()}
    built["content"] = {PROBLEM_JSON.decode(): {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return built


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _header(name: str, always: bool) -> dict[str, Any]:
    if always:
        return {**(HEADERS | headers.HEADERS)[name], "required": True}
    return {"$ref": f"#/components/headers/{name}"}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/responses/{name}"}


def build_components() -> dict[str, dict[str, Any]]:
    """Return the components that all functions share."""
    responses = {name: response(status, (text,)) for status, (name, text) in _PROBLEMS.items()}
    responses[_DEFAULT] = response(0, ("Any other problem.",))
    return {
        "schemas": {"Problem": SCHEMA, "Fault": FAULT},
        "headers": dict(sorted((HEADERS | headers.HEADERS).items())),
        "parameters": headers.PARAMETERS,
        "responses": responses,
    }
