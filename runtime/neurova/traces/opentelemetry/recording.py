"""The sampler and the processor of OpenTelemetry's SDK that follow the platform's decisions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import StatusCode, get_current_span
from opentelemetry.util.types import Attributes

from ..current import CURRENT
from ..span import Span
from ..tracer import Tracer

FindTracer = Callable[[], Tracer]
_LOW = (1 << 64) - 1


def make_provider(find_tracer: FindTracer) -> TracerProvider:
    """Return a provider whose spans are sampled and recorded by the platform's tracer."""
    provider = TracerProvider(
        sampler=_PlatformSampler(find_tracer),
        resource=Resource.get_empty(),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(_Recorder(find_tracer))
    return provider


class _PlatformSampler(Sampler):
    """Sample as the current operation does; outside one, as the parent does, or by the ratio."""

    def __init__(self, find_tracer: FindTracer) -> None:
        self._find_tracer = find_tracer

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: Any = None,
        attributes: Attributes = None,
        *args: Any,
        **options: Any,
    ) -> SamplingResult:
        parent = get_current_span(parent_context).get_span_context()
        running, tracer = CURRENT.get(), self._find_tracer()
        if running is not None:
            # Ignore a sampled flag that the code has extracted from a client's request.
            is_sampled = running.buffer is not None
        elif parent.is_valid:
            is_sampled = parent.trace_flags.sampled
        else:
            is_sampled = trace_id & _LOW < tracer.sample_below()
        is_kept = is_sampled and tracer.buffer is not None
        decision = Decision.RECORD_AND_SAMPLE if is_kept else Decision.DROP
        return SamplingResult(decision, attributes, parent.trace_state)

    def get_description(self) -> str:
        return "neurova"


class _Recorder(SpanProcessor):
    """Add each ended span to the platform's spans, without its events and links."""

    def __init__(self, find_tracer: FindTracer) -> None:
        self._find_tracer = find_tracer

    def on_end(self, span: ReadableSpan) -> None:
        buffer, context = self._find_tracer().buffer, span.context
        if buffer is None or context is None:
            return
        attributes = {
            name: value if isinstance(value, str | bool | int | float) else str(value)
            for name, value in (span.attributes or {}).items()
        }
        if span.instrumentation_scope is not None:
            attributes["otel.scope.name"] = span.instrumentation_scope.name
        error = _describe_error(span, attributes)
        record = Span(
            context.span_id,
            span.parent.span_id if span.parent else 0,
            span.name,
            span.kind.value + 1,  # number 0 is "unspecified" in OTLP, "internal" in the SDK
            span.start_time or 0,
            span.end_time or 0,
            attributes,
            error,
        )
        buffer.add(context.trace_id, record)


def _describe_error(span: ReadableSpan, attributes: dict[str, Any]) -> str:
    """Return the type of the exception, or the status; not the text, which may hold data."""
    if span.status.status_code is not StatusCode.ERROR:
        return ""
    for event in reversed(span.events):
        if event.name == "exception" and event.attributes:
            found = str(event.attributes.get("exception.type"))
            return str(attributes.setdefault("error.type", found))
    return span.status.description or str(attributes.get("error.type", "error"))
