"""Pass spans to an exporter in a thread, so that no call waits for the exporter."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from ..errors import NeurovaError, Unavailable
from .base import SpanExporter
from .masking import masked
from .span import SpanBuffer, TracedSpan

LOGGER = logging.getLogger("neurova.traces")

INTERVAL = 0.2  # seconds between two batches
BATCH = 1_000  # spans
LONGEST_PAUSE = 10.0  # seconds between two attempts to export a batch
STOP_TIMEOUT = 2.0  # seconds in which the remaining spans are exported at a stop


class ExportThread:
    """Export the spans of a buffer in batches.

    While the receiver is unavailable, the batch is retried; meanwhile the buffer fills and drops
    spans at its bound. `dropped` counts these and the spans of batches that were refused.
    """

    def __init__(
        self,
        buffer: SpanBuffer,
        open_exporter: Callable[[], SpanExporter],
        *,
        interval: float = INTERVAL,
    ) -> None:
        self._buffer = buffer
        self._open = open_exporter
        self._interval = interval
        self._exporter: SpanExporter | None = None
        self._batch: list[TracedSpan] = []
        self._failures = 0
        self._lost = 0
        self._exporting = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def dropped(self) -> int:
        """The number of spans that will not be exported."""
        return self._buffer.dropped + self._lost

    @property
    def waiting(self) -> int:
        """The number of spans that wait to be exported."""
        return len(self._buffer) + len(self._batch)

    @property
    def is_failing(self) -> bool:
        """Whether the last export failed, so that the thread waits before the next."""
        return self._failures > 0

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="trace-export", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Export the remaining spans for at most STOP_TIMEOUT; count the rest as dropped."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_TIMEOUT)
            self._thread = None
        if left := self.waiting:
            self._lost += left
            LOGGER.warning("%d spans were not exported before the stop", left)

    def flush(self) -> None:
        """Export all spans recorded so far; stop at the first failure."""
        with self._exporting:
            while self._export_batch():
                pass

    def _run(self) -> None:
        pause = self._interval
        while not self._stopping.wait(pause):
            self.flush()
            pause = min(self._interval * 2**self._failures, LONGEST_PAUSE)
        self.flush()
        if self._exporter is not None:
            self._exporter.close()

    def _export_batch(self) -> bool:
        """Export one batch; return whether to export the next batch at once."""
        self._batch = self._batch or masked(self._buffer.take(BATCH))
        if not self._batch:
            return False
        try:
            if self._exporter is None:
                self._exporter = self._open()
            self._exporter.export(self._batch)
        except Unavailable as error:
            self._failures += 1
            if self._failures == 1:
                LOGGER.warning("Spans cannot be exported now, retrying: %s", error)
            return False
        except Exception as error:
            self._lost += len(self._batch)
            what = error if isinstance(error, NeurovaError) else repr(error)
            LOGGER.error("%d spans were dropped, their export failed: %s", len(self._batch), what)
        else:
            if self._failures:
                LOGGER.info("Spans are exported again; %d were dropped", self.dropped)
            self._failures = 0
        self._batch = []
        return True
