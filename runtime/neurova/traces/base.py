"""The interfaces of trace backends: all export spans, the embedded store also reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from ..errors import NeurovaError
from .span import KINDS, Span, TracedSpan


class TraceNotFound(NeurovaError):
    """The store has no span of a trace."""


class TraceSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A trace in a list.

    `time` (Unix seconds), `name`, `function` and `status` (HTTP status or 0) come from its first
    span; `ms` is the time from its start to the end of the last span. `errors` counts failed spans.
    """

    trace_id: str
    time: float
    name: str
    function: str
    status: int
    ms: float
    spans: int
    errors: int


class SpanDetails(msgspec.Struct, frozen=True, kw_only=True):
    """A span with readable values; `start` in Unix seconds."""

    span_id: str
    parent_id: str
    name: str
    kind: str
    start: float
    ms: float
    error: str
    attributes: dict[str, Any]


class TraceFilter(msgspec.Struct, frozen=True):
    """Which traces to list; an empty value matches all.

    `function` is the name of a function that took part; `failed` selects traces with errors;
    `min_ms` is the minimum duration; `since` is in Unix seconds.
    """

    function: str = ""
    failed: bool = False
    min_ms: float = 0.0
    since: float = 0.0

    def matches(self, summary: TraceSummary, spans: Sequence[Span]) -> bool:
        """Return whether a trace matches."""
        return (
            (not self.failed or summary.errors > 0)
            and summary.ms >= self.min_ms
            and (not self.function or any(self.function == function_of(each) for each in spans))
        )


class SpanExporter(Protocol):
    """Send or store spans. One thread calls the methods."""

    def export(self, spans: Sequence[TracedSpan]) -> None:
        """Send or store a batch.

        Raises Unavailable if the same batch may be accepted later, another NeurovaError if not.
        """
        ...

    def close(self) -> None:
        """Release the connection or the file."""
        ...


class TraceReader(Protocol):
    """A store of traces that can be read. Methods may block."""

    def list(
        self, only: TraceFilter, limit: int, before: int | None = None
    ) -> tuple[Sequence[TraceSummary], int | None]:
        """Return the newest matching traces, and the `before` of the next page or None."""
        ...

    def find(self, trace_id: str) -> Sequence[Span]:
        """Return the spans of a trace, ordered by start. Raises TraceNotFound."""
        ...

    def close(self) -> None:
        """Close the store."""
        ...


def describe_span(span: Span) -> SpanDetails:
    """Return a span with readable values."""
    return SpanDetails(
        span_id=f"{span.span_id:016x}",
        parent_id=f"{span.parent_id:016x}" if span.parent_id else "",
        name=span.name,
        kind=KINDS.get(span.kind, ""),
        start=span.start / 1e9,
        ms=(span.end - span.start) / 1e6,
        error=span.error,
        attributes=span.attributes,
    )


def function_of(span: Span) -> str:
    """Return the function that a span belongs to, "" if it belongs to none."""
    name = span.attributes.get("faas.name") or span.attributes.get("messaging.consumer.group.name")
    return str(name or "")


def summarize(trace_id: str, spans: Sequence[Span]) -> TraceSummary:
    """Return the summary of a trace; `spans` must not be empty."""
    first = min(spans, key=lambda each: (each.start, -each.end))
    functions = filter(None, map(function_of, sorted(spans, key=lambda each: each.start)))
    return TraceSummary(
        trace_id=trace_id,
        time=first.start / 1e9,
        name=first.name,
        function=next(functions, ""),
        status=int(first.attributes.get("http.response.status_code") or 0),
        ms=round((max(each.end for each in spans) - first.start) / 1e6, 3),
        spans=len(spans),
        errors=sum(bool(each.error) for each in spans),
    )
