"""Keep OpenTelemetry's current context and the platform's current operation in sync."""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import NamedTuple

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.context.context import _RuntimeContext

from .. import current
from ..current import CURRENT, Operation
from ..span import SpanBuffer


class _Attached(NamedTuple):
    """A context, and the operation that was current when the context was attached."""

    context: Context
    operation: Operation | None


class _Tokens(NamedTuple):
    attached: Token[_Attached | None]
    operation: Token[Operation | None] | None


class OperationContext(_RuntimeContext):
    """Make the current operation OpenTelemetry's current span, and the other way round.

    A context attached within an operation takes precedence over the operation; a context attached
    outside does not. `buffer` receives the sampled spans that begin outside any operation.
    """

    def __init__(self, previous: _RuntimeContext) -> None:
        self.buffer: SpanBuffer | None = None
        self._previous = previous
        self._attached: ContextVar[_Attached | None] = ContextVar(
            "neurova_opentelemetry", default=None
        )

    def get_current(self) -> Context:
        """Return the current context, with the innermost operation as its span."""
        attached, running = self._attached.get(), CURRENT.get()
        context = self._previous.get_current() if attached is None else attached.context
        if running is None or (attached is not None and attached.operation is running):
            return context
        return trace.set_span_in_context(trace.NonRecordingSpan(_describe(running)), context)

    def attach(self, context: Context) -> _Tokens:  # type: ignore[override]  # opaque to callers
        """Make a context current; if its span is new, make it the current operation too."""
        running, token = CURRENT.get(), None
        span = trace.get_current_span(context).get_span_context()
        if span.is_valid and (running is None or _is_new(span, running)):
            running = self._operation(span, running)
            token = CURRENT.set(running)
        return _Tokens(self._attached.set(_Attached(context, running)), token)

    def detach(self, token: Token[Context] | _Tokens) -> None:
        """Undo `attach`. Raises ValueError if another task called `attach`."""
        if not isinstance(token, _Tokens):  # attached before this object was installed
            self._previous.detach(token)
            return
        if token.operation is not None:
            CURRENT.reset(token.operation)
        self._attached.reset(token.attached)

    def _operation(self, span: trace.SpanContext, running: Operation | None) -> current.SpanContext:
        if running is None:
            buffer = self.buffer if span.trace_flags.sampled else None
            state = span.trace_state.to_header()
            return current.SpanContext(span.trace_id, span.span_id, buffer, tracestate=state)
        operation = current.child_of(running)
        operation.trace_id, operation.span_id = span.trace_id, span.span_id
        return operation


def _is_new(span: trace.SpanContext, running: Operation) -> bool:
    """Return whether a span must become the current operation; never if that is unsampled."""
    return running.buffer is not None and span.span_id != running.span_id


def _describe(operation: Operation) -> trace.SpanContext:
    state = operation.tracestate
    return trace.SpanContext(
        operation.trace_id,
        operation.span_id,
        is_remote=False,
        trace_flags=trace.TraceFlags(0 if operation.buffer is None else 1),
        trace_state=trace.TraceState.from_header([state]) if state else None,
    )
