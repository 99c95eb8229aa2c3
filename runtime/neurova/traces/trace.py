"""The trace of a call, as its function sees it."""

from __future__ import annotations

from .current import CURRENT, format_traceparent, record_span
from .span import INTERNAL


class Trace:
    """The trace in which a function runs: a parameter `trace: Trace`.

    `trace_id` is the one in logs and problems. `traceparent` is the header for requests that
    continue the trace; an `httpx.AsyncClient` parameter sends it by itself. If `is_sampled` is
    false, `span` records nothing.
    """

    __slots__ = ()

    @property
    def trace_id(self) -> str:
        """Return the id of the trace as 32 hexadecimal digits, "" outside a call."""
        return self.traceparent[3:35]

    @property
    def traceparent(self) -> str:
        """Return the `traceparent` (W3C) of the current span, "" outside a call."""
        return format_traceparent(CURRENT.get())

    @property
    def is_sampled(self) -> bool:
        """Whether spans are recorded."""
        running = CURRENT.get()
        return running is not None and running.buffer is not None

    def span(self, name: str, /, **attributes: str | int | float | bool) -> record_span:
        """Record a block as a span: `with trace.span("price", room=3):`.

        The block may add to the span's `attributes`. An exception that leaves the block is the
        span's error.
        """
        return record_span(name, INTERNAL, dict(attributes))


TRACE = Trace()
"""The only instance: it has no state, and reads the current operation from the context."""
