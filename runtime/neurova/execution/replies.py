"""From what a function returned, or raised, to the reply."""

from __future__ import annotations

import logging
import sys
from secrets import token_hex
from typing import Any

import msgspec

from ..errors import Unavailable
from ..http.call import Call
from ..http.problem import Reject, problem, problem_from_reject
from ..http.reply import JSON, Reply, parse_response_head
from ..streaming.stream import stream_of

LOGGER = logging.getLogger("neurova")
RETRY_AFTER = {"retry-after": "1"}
encode = msgspec.json.Encoder().encode


def answered(result: Any, status: int) -> Reply:
    """Return the reply of what a function returned; `status` when it does not say its own.

    Raises Streamed for what is no whole reply, TypeError and the like for what cannot be encoded.
    """
    if isinstance(result, msgspec.Struct):
        return Reply.of(status, encode(result), JSON, [])
    if result is None:
        return Reply.of(204, b"", b"", [])
    if isinstance(result, Reply):
        return result
    if isinstance(result, bytes | str):
        return Reply(status, result)
    responses = sys.modules.get("starlette.responses")
    if responses is not None and isinstance(result, responses.Response):
        return _of_response(result)
    try:
        body = encode(result)
    except TypeError:
        stream = stream_of(result)
        if stream is None:
            raise
        raise Streamed(stream) from None
    return Reply.of(status, body, JSON, [])


class Streamed(Exception):
    """What a function returned comes piece by piece: a `Stream` or a Starlette Response."""

    def __init__(self, result: Any) -> None:
        super().__init__()
        self.result = result


def _of_response(response: Any) -> Reply:
    body = getattr(response, "body", None)
    if not isinstance(body, bytes) or response.background is not None:
        raise Streamed(response)
    content_type, _, fields = parse_response_head(response.raw_headers)
    return Reply.of(response.status_code, body, content_type, fields)


def failed(call: Call, function: str, error: BaseException) -> Reply:
    """Return the reply of what a function raised; anything unforeseen is logged with its id."""
    if isinstance(error, Reject):
        try:
            return problem_from_reject(call, error)
        except Exception as worse:  # its words or fields cannot be sent
            error = worse
    if isinstance(error, Unavailable):
        LOGGER.error("%s: %s", function, error, extra={"neurova": {"function": function}})
        return unavailable(call, "What this needs does not answer now: try again.")
    name = f"{call.trace_id:032x}" if call.trace_id else token_hex(8)
    LOGGER.error(
        "%s failed, error %s",
        function,
        name,
        exc_info=error,
        extra={"neurova": {"function": function, "error": name}},
    )
    return problem(call, 500, f"The function failed. Its log has more under error {name}.")


def unavailable(call: Call, detail: str) -> Reply:
    """Return a 503 that says when to try again."""
    return problem(call, 503, detail, headers=RETRY_AFTER)


def late(call: Call, seconds: float) -> Reply:
    """Return the 504 of a call that had `seconds` and did not end."""
    return problem(call, 504, f"The function did not end within {seconds:g} s.")
