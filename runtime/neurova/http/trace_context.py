"""W3C Trace Context: continue the trace of `traceparent`, or begin a new one."""

from __future__ import annotations

from random import getrandbits

from ..traces.traceparent import parse_traceparent
from .call import Call


def begin_trace(call: Call) -> None:
    """Set the call's `trace_id`, `parent_id` (0 without a parent) and `span_id`."""
    call.span_id = getrandbits(64) or 1
    value = call.headers.get(b"traceparent")
    if value is not None:
        parent = parse_traceparent(value)
        is_repeated = len(call.fields) > len(call.headers) and (
            sum(name == b"traceparent" for name, _ in call.fields) > 1
        )
        if parent is not None and not is_repeated:
            call.trace_id, call.parent_id, _ = parent
            return
    call.trace_id = getrandbits(128) or 1
