"""Decide which operations are sampled, and record the first span of each in a process."""

from __future__ import annotations

from math import inf
from random import getrandbits
from time import time_ns
from types import TracebackType
from typing import Any, Self

from .current import CURRENT, SpanContext, describe_error
from .span import Span, SpanBuffer
from .traceparent import parse_traceparent

_IDS = 1 << 64


class Tracer:
    """Sample the share `ratio` of operations; without a buffer, sample none.

    The decision is made once, where a trace begins, from the random span id, so no client chooses
    it. An operation that is not sampled records one span if it fails or takes `slow` seconds or
    more.
    """

    def __init__(
        self, buffer: SpanBuffer | None = None, *, ratio: float = 0.0, slow: float = inf
    ) -> None:
        self.buffer = buffer
        self.ratio = ratio if buffer is not None else 0.0
        self.slow = slow

    def sample_below(self, ratio: float | None = None) -> int:
        """Return the bound below which span ids are sampled, for `ratio` or the default ratio."""
        if self.buffer is None:
            return 0
        return int((self.ratio if ratio is None else ratio) * _IDS)

    def entry(
        self, name: str, kind: int, function: str, traceparent: str, **attributes: Any
    ) -> EntrySpan:
        """Return a function run's span, which is the current operation within its `with` block.

        The span continues the trace of `traceparent` and follows its sampling decision. Without a
        valid `traceparent` it begins a trace.
        """
        span_id = getrandbits(64) or 1
        parent = parse_traceparent(traceparent.encode())
        if parent is not None:
            trace_id, parent_id, sampled = parent
        else:
            trace_id, parent_id = getrandbits(128) or 1, 0
            sampled = span_id < self.sample_below()
        context = SpanContext(trace_id, span_id, self.buffer if sampled else None, function)
        return EntrySpan(self, context, parent_id, name, kind, attributes)

    def record_child(
        self, traceparent: str, name: str, kind: int, start: int, attributes: dict[str, Any]
    ) -> None:
        """Record a span that ends now, within the span that `traceparent` names, if sampled."""
        buffer = self.buffer
        if buffer is not None and traceparent.endswith("-01"):
            parent = parse_traceparent(traceparent.encode())
            if parent is not None:
                id = getrandbits(64) or 1
                span = Span(id, parent.span_id, name, kind, start, time_ns(), attributes)
                buffer.add(parent.trace_id, span)

    def is_kept(self, nanoseconds: int, *, failed: bool) -> bool:
        """Return whether to record a span for an operation that is not sampled."""
        return self.buffer is not None and (failed or nanoseconds >= self.slow * 1e9)


class EntrySpan:
    """A span that begins or continues a trace in this process. The block may set `error`."""

    __slots__ = (
        "_kind",
        "_name",
        "_parent_id",
        "_start",
        "_token",
        "_tracer",
        "attributes",
        "context",
        "error",
    )

    def __init__(
        self,
        tracer: Tracer,
        context: SpanContext,
        parent_id: int,
        name: str,
        kind: int,
        attributes: dict[str, Any],
    ) -> None:
        self.context = context
        self.attributes = attributes
        self.error = ""
        self._tracer = tracer
        self._parent_id = parent_id
        self._name = name
        self._kind = kind

    def __enter__(self) -> Self:
        self._token = CURRENT.set(self.context)
        self._start = time_ns()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        CURRENT.reset(self._token)
        end, context, buffer = time_ns(), self.context, self._tracer.buffer
        if error is not None and not self.error:
            self.error = describe_error(error)
        is_kept = self._tracer.is_kept(end - self._start, failed=bool(self.error))
        if buffer is not None and (context.buffer is not None or is_kept):
            span = Span(
                context.span_id,
                self._parent_id,
                self._name,
                self._kind,
                self._start,
                end,
                self.attributes,
                self.error,
            )
            buffer.add(context.trace_id, span)
