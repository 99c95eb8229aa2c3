"""What the platform offers around a function: fields that a call may have, and that replies do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from neurova.endpoints.endpoint import ageing
from neurova.endpoints.function import HttpFunction
from neurova.idempotency.rules import LONGEST, PATTERN

PARAMETERS: dict[str, dict[str, Any]] = {
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A key of this one request: who sends it again is given the same answer, "
        f"and nothing is done twice. Up to {LONGEST} visible characters.",
        "schema": {"type": "string", "pattern": PATTERN},
        "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
    },
    "If-None-Match": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The `ETag` of a reply that one has: 304 when it is still the same.",
        "schema": {"type": "string"},
    },
}
HEADERS: dict[str, dict[str, Any]] = {
    "Cache-Control": {
        "description": "How long the reply stays fresh, and who may keep it (RFC 9111).",
        "schema": {"type": "string"},
    },
    "Deprecation": {
        "description": "Since when this should not be used any more (RFC 9745).",
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "What the reply is known by, for `If-None-Match`.",
        "schema": {"type": "string"},
    },
    "Idempotency-Replayed": {
        "description": "`true` on an answer that was given before.",
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": "What is left of each limit: `r` units, for `t` seconds.",
        "schema": {"type": "string"},
        "example": '"route-minute";r=59;t=60',
    },
    "RateLimit-Policy": {
        "description": "Each limit that counts: `q` units in any `w` seconds.",
        "schema": {"type": "string"},
        "example": '"route-minute";q=60;w=60',
    },
    "Sunset": {
        "description": "Until when this is answered (RFC 8594).",
        "schema": {"type": "string"},
    },
}
NOT_MODIFIED = "304"


def parameters(function: HttpFunction) -> list[dict[str, str]]:
    """Return the fields that calls may have, other than those that the function reads itself."""
    read = {each.alias for each in function.binding.parameters if each.kind == "header"}
    offered = {
        "Idempotency-Key": function.keeps,
        "If-None-Match": bool(function.description.cache),
    }
    return [
        {"$ref": f"#/components/parameters/{name}"}
        for name, is_offered in offered.items()
        if is_offered and name.lower() not in read
    ]


def headers(function: HttpFunction) -> dict[str, dict[str, str]]:
    """Return the fields that replies of a call that went well may have."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in sorted(_names(function))}


def _names(function: HttpFunction) -> Iterator[str]:
    description = function.description
    if description.limit or not description.public:
        yield from ("RateLimit", "RateLimit-Policy")
    if function.keeps:
        yield "Idempotency-Replayed"
    if description.cache:
        yield from ("Cache-Control", "ETag")
    for name, _ in ageing(description):
        yield name.decode().capitalize()
