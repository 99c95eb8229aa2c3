"""Replies to calls that failed, timed out or were refused."""

from __future__ import annotations

import logging
from asyncio import Future
from secrets import token_hex

from ..errors import Unavailable
from ..http.call import Call
from ..http.problem import Reject, problem, problem_from_reject
from ..http.reply import Reply

LOGGER = logging.getLogger("neurova")
RETRY_AFTER = {"retry-after": "1"}
LIMIT_REACHED = "Concurrency limit of this function reached, retry later."
THREADS_BUSY = "All threads for functions are busy, retry later."
STOPPING = "The platform is stopping, retry later."
DEPENDENCY_DOWN = "A service that this function needs is unavailable, retry later."


def unwrap_group(error: BaseException) -> BaseException:
    """Return the error that determines the reply, which may be inside an exception group.

    If a group, for example of a `TaskGroup`, contains only `Reject` or only `Unavailable`, also in
    nested groups, return its first error. Return any other error unchanged.
    """
    if isinstance(error, BaseExceptionGroup):
        for kind in (Reject, Unavailable):
            matching, others = error.split(kind)
            if others is None:
                first: BaseException | None = matching
                while isinstance(first, BaseExceptionGroup):
                    first = first.exceptions[0]
                return first or error
    return error


def failure_reply(call: Call, function: str, error: BaseException) -> Reply:
    """Return the reply for an error of a function; log it unless it is a `Reject`."""
    error = unwrap_group(error)
    if isinstance(error, Reject):
        try:
            return problem_from_reject(call, error)
        except Exception as invalid:  # the Reject has invalid texts or headers
            error = invalid
    if isinstance(error, Unavailable):
        LOGGER.error("%s: %s", function, error, extra={"neurova": _describe(call, function)})
        return unavailable_reply(call, DEPENDENCY_DOWN)
    error_id = f"{call.trace_id:032x}" if call.trace_id else token_hex(8)
    LOGGER.error(
        "%s failed, error %s",
        function,
        error_id,
        exc_info=error,
        extra={"neurova": _describe(call, function)},
    )
    return problem(call, 500, f"The function failed. Its log has details under error {error_id}.")


def _describe(call: Call, function: str) -> dict[str, object]:
    """Return the log fields of a call; logging may run outside the context of the call."""
    consumer = call.caller.consumer if call.caller else ""
    return {"function": function, "consumer": consumer, "trace_id": call.trace_id}


def result_reply(call: Call, function: str, finished: Future[Reply]) -> Reply:
    """Return the reply of a finished call: a 503 if it was cancelled, a 500 if it raised."""
    if finished.cancelled():
        return unavailable_reply(call, STOPPING)
    error = finished.exception()
    return finished.result() if error is None else failure_reply(call, function, error)


def unavailable_reply(call: Call, detail: str) -> Reply:
    """Return a 503 with Retry-After."""
    return problem(call, 503, detail, headers=RETRY_AFTER)


def timeout_reply(call: Call, seconds: float) -> Reply:
    """Return a 504 for a call that did not end within `seconds`."""
    return problem(call, 504, f"The function did not end within {seconds:g} s.")
