"""From what a function returned, or raised, to the reply."""

from __future__ import annotations

import logging
import sys
from secrets import token_hex
from typing import Any

import msgspec

from .call import Call, Field
from .errors import Unavailable
from .problem import Reject, problem, rejected
from .reply import FRAMING, JSON, Reply

LOGGER = logging.getLogger("neurova")
RETRY_AFTER = {"retry-after": "1"}
encode = msgspec.json.Encoder().encode


def answered(result: Any, status: int) -> Reply:
    """Return the reply of what a function returned; `status` when it does not say its own.

    Raises TypeError and the like for what cannot be encoded.
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
    return Reply.of(status, encode(result), JSON, [])


def _of_response(response: Any) -> Reply:
    body = getattr(response, "body", None)
    if not isinstance(body, bytes) or response.background is not None:
        raise TypeError(
            f"{type(response).__name__} streams or has a background task, which is not available "
            "yet: return a Response with its whole body"
        )
    content_type, fields = b"", list[Field]()
    for name, value in response.raw_headers:
        if name == b"content-type":
            content_type = value
        elif name not in FRAMING:
            fields.append((name, value))
    return Reply.of(response.status_code, body, content_type, fields)


def failed(call: Call, function: str, error: BaseException) -> Reply:
    """Return the reply of what a function raised; anything unforeseen is logged with its id."""
    if isinstance(error, Reject):
        return rejected(call, error)
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
