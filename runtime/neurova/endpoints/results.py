"""Make replies from the results of functions."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeGuard

import msgspec

from ..asgi.app import AsgiApp
from ..http.reply import JSON, Reply, parse_response_head
from ..streaming.stream import Stream, as_stream

if TYPE_CHECKING:
    from starlette.responses import Response

_encode = msgspec.json.Encoder().encode


def make_reply(result: object, status: int) -> Reply | Stream | AsgiApp:
    """Convert a result to a reply, a stream or an ASGI app; `status` is the default status.

    Raises msgspec's errors, such as TypeError, if the result cannot be encoded.
    """
    if isinstance(result, msgspec.Struct):
        return Reply.of(status, _encode(result), JSON, [])
    if result is None:
        return Reply.of(204, b"", b"", [])
    if isinstance(result, Reply):
        return result
    if isinstance(result, bytes | str):
        return Reply(status, result)
    return _make_object_reply(result, status)


def _make_object_reply(result: object, status: int) -> Reply | Stream | AsgiApp:
    if _is_starlette_response(result):
        return _make_response_reply(result)
    try:
        return Reply.of(status, _encode(result), JSON, [])
    except TypeError:
        stream = as_stream(result)
        if stream is None:
            raise
        return stream


def _is_starlette_response(result: object) -> TypeGuard[Response]:
    responses = sys.modules.get("starlette.responses")
    return responses is not None and isinstance(result, responses.Response)


def _make_response_reply(response: Response) -> Reply | Response:
    """Convert a Starlette response to a reply, unless it streams or has a background task."""
    body = getattr(response, "body", None)
    if not isinstance(body, bytes) or response.background is not None:
        return response
    content_type, _, fields = parse_response_head(response.raw_headers)
    return Reply.of(response.status_code, body, content_type, fields)
