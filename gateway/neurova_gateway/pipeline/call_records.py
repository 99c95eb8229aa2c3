"""Collect call records on the event loop, and pass them to sinks in batches, on a thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from time import time
from typing import Any, Protocol

import msgspec

from neurova.http.call import Call
from neurova.http.caller import ANONYMOUS
from neurova.telemetry.redact import mask_secrets

logger = logging.getLogger("neurova.gateway")


class CallRecord(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One answered call: `time` in Unix seconds, `ms` from its head to its response.

    `span_id` is empty if the call was not sampled, `parent_id` if its client sent no span.
    """

    time: float
    method: str
    path: str
    status: int
    ms: float
    bytes: int
    route: str
    consumer: str
    key_id: str
    client: str
    trace_id: str
    span_id: str = ""
    parent_id: str = ""


class CallSink(Protocol):
    """A receiver of call records, e.g. the access log or the counters."""

    def write(self, records: Sequence[CallRecord]) -> None:
        """Process a batch. Called by one thread at a time, never on the event loop.

        If this raises, only this sink loses the batch.
        """


_PARTS = 13  # values per record in the flat list


class CallRecords:
    """Collect records and pass them to all `sinks` every `interval` seconds.

    The interval is short, so that batches are small: while a batch is written, requests wait for
    the interpreter lock. At most `bound` records are buffered. `dropped` counts the records beyond
    this bound and the records of batches that a sink failed to write; `flushed` counts the records
    that were passed to the sinks.
    """

    def __init__(
        self, sinks: Sequence[CallSink], *, interval: float = 0.05, bound: int = 100_000
    ) -> None:
        self._sinks = tuple(sinks)
        self._failing: set[int] = set()  # ids of sinks, because sinks need not be hashable
        self._interval = interval
        self._bound = bound * _PARTS
        # Use one flat list, because a tuple per record would trigger the garbage collector.
        self._gathered: list[Any] = []
        self._stopping = threading.Event()
        self._flushing = threading.Lock()
        self._thread: threading.Thread | None = None
        self.dropped = 0
        self.flushed = 0

    def add(self, call: Call, status: int, size: int) -> None:
        """Record a call; status 499 means that the client disconnected."""
        gathered = self._gathered
        if len(gathered) >= self._bound:
            self.dropped += 1
            return
        gathered += (
            call.started, time(), call.method, call.raw_path, status, size,
            call.route, call.caller, call.client, call.trace_id,
            call.span, call.span_id, call.parent_id,
        )  # fmt: skip

    def start(self) -> None:
        """Start the thread that flushes the records."""
        self._thread = threading.Thread(target=self._run, name="call-records", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and flush the remaining records."""
        if self._thread is not None:
            self._stopping.set()
            self._thread.join()
            self._thread = None
        self.flush()

    def flush(self) -> None:
        """Pass all records gathered so far to the sinks."""
        with self._flushing:
            gathered = self._gathered
            batch = gathered[:]
            del gathered[: len(batch)]  # keep records that were appended after the copy
            if batch:
                records = _records(batch)
                self.flushed += len(records)
                for sink in self._sinks:
                    self._write(sink, records)

    def _write(self, sink: CallSink, records: list[CallRecord]) -> None:
        """Pass a batch to a sink; of consecutive failures, log only the first."""
        try:
            sink.write(records)
        except BaseException as error:  # even SystemExit, which would end this thread
            self.dropped += len(records)
            if id(sink) not in self._failing:
                self._failing.add(id(sink))
                name = type(sink).__name__
                logger.error("%s cannot write call records, they are lost: %r", name, error)
        else:
            self._failing.discard(id(sink))

    def _run(self) -> None:
        while not self._stopping.wait(self._interval):
            self.flush()


def _records(batch: list[Any]) -> list[CallRecord]:
    paths = _Paths()
    parts = iter(batch)
    return [
        CallRecord(
            started,
            method,
            paths[path],
            status,
            # Takes half the time of `round`. Not negative, even if the wall clock was set back.
            int((ended - started) * 1_000_000) / 1000 if ended > started else 0.0,
            size,
            "" if route is None else route.name,
            (caller or ANONYMOUS).consumer,
            (caller or ANONYMOUS).key_id,
            client,
            trace_id.to_bytes(16, "big").hex(),
            "" if span is None else f"{span_id:016x}",
            f"{parent_id:016x}" if parent_id else "",
        )
        for (
            started,
            ended,
            method,
            path,
            status,
            size,
            route,
            caller,
            client,
            trace_id,
            span,
            span_id,
            parent_id,
        ) in zip(*[parts] * _PARTS, strict=True)
    ]


class _Paths(dict[bytes, str]):
    """Decode each distinct raw path of a batch once, and mask text that looks like a key."""

    def __missing__(self, path: bytes) -> str:
        self[path] = text = mask_secrets(path.decode("ascii", "backslashreplace"))
        return text
