"""From the result of a function to the reply."""

from __future__ import annotations

import sys
from typing import TypeGuard

import msgspec

from ..asgi.app import AsgiApp
from ..http.reply import JSON, Reply, parse_response_head
from ..streaming.stream import Stream, as_stream

_encode = msgspec.json.Encoder().encode


def make_reply(result: object, status: int) -> Reply | Stream | AsgiApp:
    """Return the reply for a result, or what streams it; `status` applies if it has none itself.

    Raises TypeError and the like for a result that cannot be encoded.
    """
    if isinstance(result, msgspec.Struct):
        return Reply.of(status, _encode(result), JSON, [])
    if result is None:
        return Reply.of(204, b"", b"", [])
    if isinstance(result, Reply):
        return result
    if isinstance(result, bytes | str):
        return Reply(status, result)
    return _reply_of_object(result, status)


def _reply_of_object(result: object, status: int) -> Reply | Stream | AsgiApp:
    if _is_starlette_response(result):
        return _reply_of_response(result)
    try:
        return Reply.of(status, _encode(result), JSON, [])
    except TypeError:
        stream = as_stream(result)
        if stream is None:
            raise
        return stream


def _is_starlette_response(result: object) -> TypeGuard[AsgiApp]:
    responses = sys.modules.get("starlette.responses")
    return responses is not None and isinstance(result, responses.Response)


def _reply_of_response(response: AsgiApp) -> Reply | AsgiApp:
    """Return a Starlette response as a reply if its body is complete, else the response."""
    body = getattr(response, "body", None)
    if not isinstance(body, bytes) or response.background is not None:  # type: ignore[attr-defined]  # a Response
        return response
    content_type, _, fields = parse_response_head(response.raw_headers)  # type: ignore[attr-defined]  # a Response
    return Reply.of(response.status_code, body, content_type, fields)  # type: ignore[attr-defined]  # a Response
