"""What the Admin API answers with, and how it reads what it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from neurova.http.problem import Reject, rejected

LARGEST_BODY = 64 << 10
BODY_SECONDS = 5.0
_FIELDS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_UNREAD = frozenset([401, 408, 413, 415, 421])
T = TypeVar("T")


def answer(value: object, status: int = 200) -> Response:
    """Return a value as JSON."""
    octets = msgspec.json.encode(value)
    return Response(octets, status, _FIELDS, media_type="application/json")


def refusal(reject: Reject) -> Response:
    """Return a refusal as problem+json (RFC 9457)."""
    reply = rejected(None, reject)
    fields = {**_FIELDS, **reject.headers}
    if reply.status in _UNREAD:
        fields["connection"] = "close"  # a body that nobody reads may follow
    return Response(reply.body, reply.status, fields, "application/problem+json")


def query(request: Request, known: Collection[str]) -> dict[str, str]:
    """Return the query's values by name; each may be said once.

    Raises Reject (400) for one that is not known.
    """
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            here = ", ".join(sorted(known)) or "none"
            raise Reject(400, f"the query names {name[:64]!r}, which is not known here: use {here}")
        if name in found:
            raise Reject(400, f"the query says {name} twice: say it once")
        found[name] = value
    return found


async def body(request: Request, shape: type[T]) -> T:
    """Return the JSON body of a request as a `shape`.

    Raises Reject: 408 when it does not come, 413 above 64 KiB, 415, 400 or 422 that says why.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Reject(415, "send the body as JSON, with Content-Type: application/json")
    try:
        octets = await asyncio.wait_for(_read(request), BODY_SECONDS)
    except TimeoutError:
        raise Reject(408, f"the body did not come within {BODY_SECONDS:g} s") from None
    try:
        return msgspec.json.decode(octets, type=shape)
    except msgspec.ValidationError as error:
        raise Reject(422, f"the body does not fit: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Reject(400, f"the body is not JSON: {error}") from None


async def _read(request: Request) -> bytes:
    too_large = Reject(413, f"the body is over {LARGEST_BODY} bytes")
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or len(length) > 9 or int(length) > LARGEST_BODY:
        raise too_large
    read = bytearray()
    async for piece in request.stream():
        read += piece
        if len(read) > LARGEST_BODY:
            raise too_large
    return bytes(read)


def path(request: Request, name: str) -> Any:
    """Return a parameter of the path."""
    return request.path_params[name]
