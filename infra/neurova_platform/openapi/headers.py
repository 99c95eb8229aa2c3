"""The request and response headers that the platform handles for a function."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from neurova.endpoints.function import HttpFunction
from neurova.endpoints.reply_headers import lifecycle_fields
from neurova.idempotency.rules import MAX_LENGTH, PATTERN

PARAMETERS: dict[str, dict[str, Any]] = {
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Identifies this request: a retry with the same key gets the same response "
        f"and does nothing twice. Up to {MAX_LENGTH} visible characters.",
        "schema": {"type": "string", "pattern": PATTERN},
        "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
    },
    "If-None-Match": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The `ETag` of a cached response: 304 if it is unchanged.",
        "schema": {"type": "string"},
    },
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "description": "`respond-async`: get 202 at once, and the answer later from `Location`.",
        "schema": {"type": "string"},
    },
}


def _text(description: str, **more: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}, **more}


HEADERS = {
    "Cache-Control": _text("How long the response may be cached, and by whom (RFC 9111)."),
    "Deprecation": _text("The date since which this operation is deprecated (RFC 9745)."),
    "ETag": _text("The version of the response, for `If-None-Match`."),
    "Idempotency-Replayed": _text("`true` on the stored response of an earlier request."),
    "Location": _text("The resource that answers 202 until the call has run, then its answer."),
    "RateLimit": _text(
        "The remaining quota of each limit: `r` units for `t` seconds.",
        example='"route-minute";r=59;t=60',
    ),
    "RateLimit-Policy": _text(
        "Each limit: `q` units in any `w` seconds.", example='"route-minute";q=60;w=60'
    ),
    "Sunset": _text("The date until which this operation is available (RFC 8594)."),
}
NOT_MODIFIED = "304"


def list_request_headers(function: HttpFunction) -> list[dict[str, str]]:
    """Return references to the request headers, except headers that the function reads itself."""
    read = {each.alias for each in function.binding.parameters if each.kind == "header"}
    handled = {
        "Idempotency-Key": function.stores_replies,
        "If-None-Match": bool(function.description.cache),
        "Prefer": function.description.respond_async,
    }
    return [
        {"$ref": f"#/components/parameters/{name}"}
        for name, is_handled in handled.items()
        if is_handled and name.lower() not in read
    ]


def list_response_headers(function: HttpFunction) -> dict[str, dict[str, str]]:
    """Return references to the headers that successful responses may have."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in sorted(_names(function))}


def _names(function: HttpFunction) -> Iterator[str]:
    description = function.description
    if description.limit or not description.public:
        yield from ("RateLimit", "RateLimit-Policy")
    if function.stores_replies:
        yield "Idempotency-Replayed"
    if description.cache:
        yield from ("Cache-Control", "ETag")
    for name, _ in lifecycle_fields(description):
        yield name.decode().capitalize()
