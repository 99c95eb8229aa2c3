"""What else than success a function is answered with, as components of the document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neurova.endpoints.function import DirectFunction, HttpFunction
from neurova.http.problem import PROBLEM_JSON, phrase

from . import offers
from .rejects import find_rejects

SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "What is wrong and how to mend it (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "Names the problem."},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What is wrong with this call, and the fix."},
        "instance": {"type": "string", "description": "The path that was called."},
        "trace_id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}},
    },
}
FAULT: dict[str, Any] = {
    "title": "Fault",
    "description": "One value that is wrong.",
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
        "description": "After how many seconds to try again.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {
        "description": "How to authenticate (RFC 6750).",
        "schema": {"type": "string"},
    },
}
SAYS = {
    400: "The request cannot be read: path, query, body or fields are malformed.",
    401: "The key is missing, mistyped, not known, revoked or expired.",
    403: "The key lacks a scope, or may not be used from this address.",
    404: "There is nothing at this path.",
    406: "`Accept` leaves no room for what is sent here.",
    408: "The body did not come in time.",
    409: "A request with this `Idempotency-Key` is still being answered.",
    413: "The body is too large.",
    415: "The body is not said to be JSON in UTF-8, or it is compressed.",
    422: "Values do not fit; `errors` names every one of them.",
    429: "A limit is used up.",
    500: "The function failed; the operator's log has more under the id that `detail` names.",
    503: "What this needs does not answer now, or all places are taken.",
    504: "The function did not end in time.",
}
_NAMES = {
    400: "Malformed",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    406: "NotAcceptable",
    408: "BodyTimeout",
    409: "StillAnswered",
    413: "TooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "LimitUsedUp",
    500: "Failed",
    503: "Unavailable",
    504: "Late",
}
_FIELDS = {
    401: {"WWW-Authenticate": True},
    403: {"WWW-Authenticate": False},
    409: {"Retry-After": False},
    429: {"Retry-After": True, "RateLimit": True, "RateLimit-Policy": True},
    503: {"Retry-After": False},
}
_DEFAULT = "Problem"


def statuses(function: HttpFunction, *, limited: bool) -> tuple[int, ...]:
    """Return the refusals that the platform itself may answer calls of a function with.

    `limited`: some limit binds each consumer everywhere.
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
        409: function.keeps,
        413: body,
        415: body,
        422: function.keeps or bool(kinds & {"body", "path", "query", "header", "cookie"}),
        429: bool(description.limit) or limited or not description.public,
        500: True,
        503: True,
        504: not isinstance(function, DirectFunction),
    }
    return tuple(status for status, can_be in found.items() if can_be)


def problems(function: HttpFunction, *, limited: bool) -> dict[str, Any]:
    """Return the responses by which a function is refused, `default` for what cannot be known."""
    known = statuses(function, limited=limited)
    found: dict[int, Any] = {status: _reference(_NAMES[status]) for status in known}
    for status, says in find_rejects(function.handler).items():
        if status not in found or says:
            common = (SAYS[status],) if status in found else ()
            found[status] = response(status, (*common, *says))
    ordered = {str(status): found[status] for status in sorted(found)}
    return {**ordered, "default": _reference(_DEFAULT)}


def response(status: int, says: tuple[str, ...]) -> dict[str, Any]:
    """Return the response that states a problem with that status, 0 for any."""
    made: dict[str, Any] = {"description": " ".join(map(_sentence, says)) or phrase(status)}
    fields: Mapping[str, bool] = _FIELDS.get(status, {})
    if fields:
        made["headers"] = {name: _header(name, always) for name, always in fields.items()}
    made["content"] = {PROBLEM_JSON.decode(): {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return made


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _header(name: str, always: bool) -> dict[str, Any]:
    if always:
        return {**(HEADERS | offers.HEADERS)[name], "required": True}
    return {"$ref": f"#/components/headers/{name}"}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/responses/{name}"}


def components() -> dict[str, dict[str, Any]]:
    """Return what all functions share: schemas, headers, parameters and responses."""
    responses = {name: response(status, (SAYS[status],)) for status, name in _NAMES.items()}
    responses[_DEFAULT] = response(0, ("Any other problem.",))
    return {
        "schemas": {"Problem": SCHEMA, "Fault": FAULT},
        "headers": dict(sorted((HEADERS | offers.HEADERS).items())),
        "parameters": offers.PARAMETERS,
        "responses": responses,
    }
