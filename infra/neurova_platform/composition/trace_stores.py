"""Open and check the backends of traces."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from neurova.errors import NeurovaError, StateError
from neurova.settings.settings import Settings
from neurova.telemetry.readings import Reading
from neurova.traces.base import SpanExporter, TraceReader
from neurova.traces.export_thread import ExportThread
from neurova.traces.opentelemetry.bridge import OpenTelemetryBridge
from neurova.traces.span import SpanBuffer
from neurova.traces.tracer import Tracer

from . import backends

if TYPE_CHECKING:
    from neurova.traces.sqlite import SqliteTraces

DAY = 86_400.0


class Traces:
    """The tracer of a process, and the thread that exports its spans."""

    def __init__(self, settings: Settings, environment: str) -> None:
        options = settings.traces
        self._thread: ExportThread | None = None
        buffer = SpanBuffer() if options.enabled else None
        ratio = 1.0 if environment == "test" else options.ratio
        self.tracer = Tracer(buffer, ratio=ratio, slow=options.slow)
        self._bridge = OpenTelemetryBridge(self.tracer)
        if buffer is not None:
            self._thread = ExportThread(
                buffer, lambda: backends.open_span_exporter(settings, environment)
            )

    @property
    def dropped(self) -> int:
        """Return the number of spans that were dropped."""
        return 0 if self._thread is None else self._thread.dropped

    @property
    def waiting(self) -> int:
        """Return the number of spans that wait to be exported."""
        return 0 if self._thread is None else self._thread.waiting

    def readings(self) -> Iterator[Reading]:
        """Yield the readings about traces for /metrics."""
        yield Reading("telemetry_dropped", "traces", self.dropped)

    def start(self) -> None:
        """Start to export spans; call this after the functions are loaded."""
        if self._thread is not None:
            self._thread.start()
            self._bridge.install()

    def stop(self) -> None:
        """Export the remaining spans, for a short time."""
        if self._thread is not None:
            self._bridge.remove()
            self._thread.stop()

    def flush(self) -> None:
        """Export all spans recorded so far, unless the last attempt failed."""
        if self._thread is not None and not self._thread.is_failing:
            self._thread.flush()


def open_sqlite(path: Path, settings: Settings, environment: str) -> SqliteTraces:
    """Return the embedded trace store in a file."""
    from neurova.traces.sqlite import SqliteTraces

    options = settings.traces
    return SqliteTraces(path, keep=options.keep * DAY, max_size=options.max_size)


def check_sqlite(path: Path, settings: Settings, environment: str) -> str:
    """Return one line about the state of the embedded store."""
    if not path.exists():
        return f"{path}: no traces yet"
    store = open_sqlite(path, settings, environment)
    try:
        return f"{path}: {store.count()} traces, {path.stat().st_size >> 20} MiB"
    except sqlite3.Error as error:
        raise StateError(f"cannot be used: {error}", where=str(path), fix="delete it") from error
    finally:
        store.close()


def open_otlp(url: str, settings: Settings, environment: str) -> SpanExporter:
    """Return an exporter that sends spans to a collector."""
    from neurova.traces.otlp import OtlpExporter

    resource = {
        "service.name": settings.project.name,
        "service.instance.id": str(os.getpid()),
        "deployment.environment.name": environment,
    }
    return OtlpExporter(url, resource, settings.traces.token)


def check_otlp(url: str, settings: Settings, environment: str) -> str:
    """Return one line about the state of a collector."""
    exporter = open_otlp(url, settings, environment)
    try:
        exporter.export([])
    finally:
        exporter.close()
    return f"{url}: takes spans"


def open_reader(settings: Settings) -> TraceReader:
    """Return a reader of the embedded store. Raises NeurovaError if traces go to a collector."""
    if settings.traces.url:
        raise NeurovaError(
            "the traces of this project are in a collector",
            where="traces.url",
            fix=f"look at them there, {settings.traces.url} receives them",
        )
    return open_sqlite(settings.state / "traces.db", settings, "")
