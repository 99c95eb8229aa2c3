"""The span in which the current code runs, and spans within it.

A call that is not sampled has no spans. It is itself the current `Operation`, so that its log lines
carry its trace id and that events and requests to other services continue its trace.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from random import getrandbits
from time import time_ns
from types import TracebackType
from typing import Any, Protocol, Self

from .span import INTERNAL, Span, SpanBuffer


class Operation(Protocol):
    """The current unit of work: a span of a sampled call, or a call that is not sampled.

    `function` and `consumer` are names, "" if there is none. `tracestate` comes from the client.
    `buffer` receives the spans, None if the operation is not sampled.
    """

    trace_id: int
    span_id: int

    @property
    def function(self) -> str:
        """Return the name of the function that runs."""
        ...

    @property
    def consumer(self) -> str:
        """Return the consumer that called."""
        ...

    @property
    def tracestate(self) -> str:
        """Return the `tracestate` of the client."""
        ...

    @property
    def buffer(self) -> SpanBuffer | None:
        """Return the buffer that receives the spans."""
        ...


CURRENT: ContextVar[Operation | None] = ContextVar("neurova_operation", default=None)


class SpanContext:
    """An `Operation` that is a span, or the run of a function that no HTTP call started."""

    __slots__ = ("buffer", "consumer", "function", "span_id", "trace_id", "tracestate")

    def __init__(
        self,
        trace_id: int,
        span_id: int,
        buffer: SpanBuffer | None,
        function: str = "",
        consumer: str = "",
        tracestate: str = "",
    ) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.buffer = buffer
        self.function = function
        self.consumer = consumer
        self.tracestate = tracestate


def child_of(parent: Operation, function: str = "", consumer: str = "") -> SpanContext:
    """Return the context of a new span within `parent`."""
    return SpanContext(
        parent.trace_id,
        getrandbits(64) or 1,
        parent.buffer,
        function or parent.function,
        consumer or parent.consumer,
        parent.tracestate,
    )


def format_traceparent(operation: Operation | None) -> str:
    """Return the `traceparent` (W3C) of outgoing requests and events, "" without an operation."""
    if operation is None:
        return ""
    flags = 0 if operation.buffer is None else 1
    return f"00-{operation.trace_id:032x}-{operation.span_id:016x}-{flags:02x}"


class record_span:  # noqa: N801 - a context manager, written as a function is
    """Record the block as a span within the current operation, if that is sampled.

    The block may add to `attributes`. An exception that leaves the block is the span's error.
    """

    __slots__ = (
        "_context",
        "_parent_id",
        "_start",
        "_token",
        "attributes",
        "error",
        "kind",
        "name",
    )

    def __init__(
        self, name: str, kind: int = INTERNAL, attributes: dict[str, Any] | None = None
    ) -> None:
        self.name = name
        self.kind = kind
        self.attributes = attributes or {}
        self.error = ""
        self._context: SpanContext | None = None

    def __enter__(self) -> Self:
        parent = CURRENT.get()
        if parent is not None and parent.buffer is not None:
            self._parent_id = parent.span_id
            self._context = child_of(parent)
            self._token: Token[Operation | None] = CURRENT.set(self._context)
            self._start = time_ns()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        context = self._context
        if context is None or context.buffer is None:
            return
        CURRENT.reset(self._token)
        if error is not None and not self.error:
            self.error = describe_error(error)
            self.attributes["error.type"] = type(error).__qualname__
        span = Span(
            context.span_id,
            self._parent_id,
            self.name,
            self.kind,
            self._start,
            time_ns(),
            self.attributes,
            self.error,
        )
        context.buffer.add(context.trace_id, span)


def describe_error(error: BaseException) -> str:
    """Return the type of an error, not its text, which may hold data of the call."""
    return type(error).__qualname__
