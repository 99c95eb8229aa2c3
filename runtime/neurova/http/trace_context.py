"""W3C Trace Context: continue the trace of `traceparent`, or begin a new one."""

from __future__ import annotations

import re
from random import getrandbits

from .call import Call

# https://www.w3.org/TR/trace-context/#traceparent-header; later versions may append fields.
_PARENT = re.compile(rb"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


def begin_trace(call: Call) -> None:
    """Set the call's `trace_id`, `parent_id` (0 without a parent), `span_id` and `sampled`."""
    parent = call.headers.get(b"traceparent")
    if parent is not None and _continue_trace(call, parent):
        return
    call.trace_id = getrandbits(128) or 1
    call.span_id = getrandbits(64) or 1


def _continue_trace(call: Call, parent: bytes) -> bool:
    """Join the trace of `parent`; return False if it is not valid."""
    match = _PARENT.fullmatch(parent)
    if match is None or (match[1] == b"00" and match[5] is not None):
        return False
    if sum(name == b"traceparent" for name, _ in call.fields) > 1:
        return False
    trace_id, parent_id = int(match[2], 16), int(match[3], 16)
    if not trace_id or not parent_id:
        return False
    call.trace_id, call.parent_id = trace_id, parent_id
    call.sampled = bool(int(match[4], 16) & 1)
    call.span_id = getrandbits(64) or 1
    return True


def format_traceparent(call: Call) -> str:
    """Return the `traceparent` for requests to other services."""
    return f"00-{call.trace_id:032x}-{call.span_id:016x}-{int(call.sampled):02x}"
