"""W3C Trace Context: carried when a call brings one, begun when it does not."""

from __future__ import annotations

import re
from random import getrandbits

from .call import Call

# https://www.w3.org/TR/trace-context/#traceparent-header: version 00, or a later one with more.
_PARENT = re.compile(rb"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


def begin(call: Call) -> None:
    """Give a call its trace: `trace_id`, `parent_id` (0 for none), `span_id` and `sampled`."""
    parent = call.heads.get(b"traceparent")
    if parent is not None and _carry(call, parent):
        return
    call.trace_id = getrandbits(128) or 1
    call.span_id = getrandbits(64) or 1


def _carry(call: Call, parent: bytes) -> bool:
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


def traceparent(call: Call) -> str:
    """Return the header that carries the call's trace onward."""
    return f"00-{call.trace_id:032x}-{call.span_id:016x}-{int(call.sampled):02x}"
