"""Read the requests of the Admin API and build its responses."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from neurova.http.problem import Reject, problem_from_reject

MAX_BODY = 64 << 10
BODY_TIMEOUT = 5.0
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_BODY_UNREAD = frozenset([401, 408, 413, 415, 421])
T = TypeVar("T")


def json_response(value: object, status: int = 200) -> Response:
    """Return a value as JSON."""
    return Response(msgspec.json.encode(value), status, _HEADERS, media_type="application/json")


def problem_response(reject: Reject) -> Response:
    """Return a refusal as problem+json (RFC 9457)."""
    reply = problem_from_reject(None, reject)
    headers = {**_HEADERS, **reject.headers}
    if reply.status in _BODY_UNREAD:
        headers["connection"] = "close"
    return Response(reply.body, reply.status, headers, "application/problem+json")


def read_query(request: Request, allowed: Collection[str]) -> dict[str, str]:
    """Return the query parameters. Raises Reject (400) if one is unknown or repeated."""
    query: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in allowed:
            names = ", ".join(sorted(allowed)) or "none"
            raise Reject(400, f"Unknown query parameter {name[:64]!r}, allowed: {names}")
        if name in query:
            raise Reject(400, f"Query parameter {name} is repeated, send it once")
        query[name] = value
    return query


async def read_body(request: Request, shape: type[T]) -> T:
    """Decode the JSON body of a request as `shape`.

    Raises Reject: 400 (not JSON), 408 (after 5 s), 413 (above 64 KiB), 415 (media type), 422.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Reject(415, "Send the body as JSON, with Content-Type: application/json")
    try:
        octets = await asyncio.wait_for(_read(request), BODY_TIMEOUT)
    except TimeoutError:
        raise Reject(408, f"The body did not arrive within {BODY_TIMEOUT:g} s") from None
    try:
        return msgspec.json.decode(octets, type=shape)
    except msgspec.ValidationError as error:
        raise Reject(422, f"The body is invalid: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Reject(400, f"The body is not JSON: {error}") from None


async def _read(request: Request) -> bytes:
    too_large = Reject(413, f"The body is larger than {MAX_BODY} bytes")
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or len(length) > 9 or int(length) > MAX_BODY:
        raise too_large
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > MAX_BODY:
            raise too_large
    return bytes(read)
