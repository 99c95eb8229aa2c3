"""A span, and the bounded buffer between the code that records spans and their exporter."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import msgspec

INTERNAL: Final = 1
SERVER: Final = 2
CLIENT: Final = 3
PRODUCER: Final = 4
CONSUMER: Final = 5
"""The kinds of spans, with the numbers of OTLP."""

KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
"""The names of the kinds."""

MAX_WAITING = 20_000
"""Maximum number of spans that wait for the exporter; about 20 MB."""


class Span(msgspec.Struct, frozen=True):
    """One operation of a trace; `start` and `end` in Unix nanoseconds.

    `parent_id` is 0 without a parent. The names of `attributes` follow OpenTelemetry's semantic
    conventions. `error` is what failed, "" if nothing did.
    """

    span_id: int
    parent_id: int
    name: str
    kind: int
    start: int
    end: int
    attributes: dict[str, Any]
    error: str = ""


TracedSpan = tuple[int, Span]
"""The id of a trace, and one of its spans."""


class SpanBuffer:
    """Hold at most `bound` spans until the exporter takes them.

    Adding never blocks. `dropped` counts the spans above `bound`. Thread-safe.
    """

    __slots__ = ("_bound", "_waiting", "dropped")

    def __init__(self, bound: int = MAX_WAITING) -> None:
        self._bound = bound
        self._waiting: deque[TracedSpan] = deque()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, trace_id: int, span: Span) -> None:
        """Add a span, or count it as dropped."""
        if len(self._waiting) < self._bound:
            self._waiting.append((trace_id, span))
        else:
            self.dropped += 1

    def take(self, limit: int) -> list[TracedSpan]:
        """Remove and return up to `limit` spans, the oldest first. Only one thread may call it."""
        waiting = self._waiting
        return [waiting.popleft() for _ in range(min(limit, len(waiting)))]
