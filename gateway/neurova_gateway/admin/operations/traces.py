"""/v1/traces: the traces in the embedded store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing

import msgspec

from neurova.errors import NeurovaError
from neurova.http.problem import Reject
from neurova.traces.base import (
    SpanDetails,
    TraceFilter,
    TraceNotFound,
    TraceReader,
    TraceSummary,
    describe_span,
)

from ..context import AdminContext
from ..operation import Call, operation
from ..paging import Page, encode_cursor, read_cursor, read_limit

FILTERS = {
    "function": "Only traces in which this function ran.",
    "failed": "Only traces with a failed span: true.",
    "slower": "Only traces of so many milliseconds or more.",
    "since": "Only traces stored since then, in Unix seconds.",
}
_NUMBER = re.compile(r"\d{1,12}(?:\.\d{1,9})?")


class Trace(msgspec.Struct, frozen=True):
    """A trace with its spans, ordered by start."""

    trace_id: str
    spans: tuple[SpanDetails, ...]


@operation("GET", "/v1/traces", query=FILTERS, errors=(400, 409))
def list_traces(context: AdminContext, call: Call) -> Page[TraceSummary]:
    """List the newest traces."""
    before, limit = read_cursor(call.query, int), read_limit(call.query)
    only = read_filter(call.query)
    with _reader(context) as reader:
        found, position = reader.list(only, limit, before)
    return Page(found, None if position is None else encode_cursor(position))


@operation("GET", "/v1/traces/{trace_id}", errors=(404, 409))
def get_trace(context: AdminContext, call: Call) -> Trace:
    """Get a trace with its spans."""
    trace_id = call.path["trace_id"]
    try:
        with _reader(context) as reader:
            spans = reader.find(trace_id)
    except TraceNotFound as error:
        raise Reject(404, str(error)) from None
    return Trace(trace_id, tuple(map(describe_span, spans)))


def read_filter(query: Mapping[str, str]) -> TraceFilter:
    """Return the trace filter that a query describes. Raises Reject (400)."""
    if query.get("failed", "true") != "true":
        raise Reject(400, 'failed must be "true", or left out')
    return TraceFilter(
        query.get("function", ""),
        "failed" in query,
        _number(query, "slower"),
        _number(query, "since"),
    )


def _number(query: Mapping[str, str], name: str) -> float:
    text = query.get(name, "0")
    if not _NUMBER.fullmatch(text):
        raise Reject(400, f"{name} {text[:16]!r} is not a number")
    return float(text)


def _reader(context: AdminContext) -> closing[TraceReader]:
    try:
        return closing(context.traces())
    except NeurovaError as error:
        raise Reject(409, str(error)) from None


OPERATIONS = (list_traces, get_trace)
