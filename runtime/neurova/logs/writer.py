"""Collect log lines from all threads; encode and store them in a separate thread."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from time import time
from typing import Any

from ..telemetry.readings import Reading
from .base import LogLine, LogStore
from .encode import encode_lines, make_line
from .shipper import Shipper

INTERVAL = 0.05  # seconds
BOUND = 20_000  # lines
_PARTS = 9  # values per line in the flat list
Show = Callable[[LogLine], str]
"""Return the text of a line for standard error, "" to show nothing."""


class LogWriter:
    """A `LogSink` that writes to `file`, and through `shipper` to a further store.

    `version` is added to each line. `show` returns the text to print to standard error. At most
    `bound` lines wait; `lost` counts the lines that were not written to the file.
    """

    def __init__(
        self,
        file: LogStore,
        shipper: Shipper | None = None,
        *,
        level: int = logging.INFO,
        version: str = "",
        show: Show = lambda line: "",
        bound: int = BOUND,
    ) -> None:
        self.level = level
        self._file = file
        self._shipper = shipper
        self._version = version
        self._show = show
        self._bound = bound * _PARTS
        # One flat list: a tuple per line would trigger the garbage collector.
        self._gathered: list[Any] = []
        self.lost = 0
        self._stopping = threading.Event()
        self._flushing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="logs", daemon=True)

    def add(
        self,
        level: int,
        logger: str,
        message: str,
        function: str,
        consumer: str,
        trace_id: int,
        fields: Mapping[str, Any] | None,
        error: BaseException | None,
    ) -> None:
        """Queue one line; count it as lost if too many lines wait."""
        gathered = self._gathered
        if len(gathered) >= self._bound:
            self.lost += 1
            return
        gathered += (time(), level, logger, message, function, consumer, trace_id, fields, error)

    def start(self) -> None:
        """Start the threads that write."""
        self._thread.start()
        if self._shipper is not None:
            self._shipper.start()

    def stop(self, timeout: float) -> None:
        """Write the remaining lines; the shipper may take `timeout` seconds to send them."""
        self._stopping.set()
        self._thread.join(timeout)  # a hung disk or terminal must not prevent the exit
        if not self._thread.is_alive():
            self.flush()
        if self._shipper is not None:
            before = self._shipper.lost
            self._shipper.stop(timeout)
            if lost := self._shipper.lost - before:  # /metrics is no longer served
                what = f"{lost} log lines were not sent to {self._shipper.name}"
                self.add(logging.ERROR, "neurova.logs", what, "", "", 0, None, None)
                self.flush()

    def flush(self, timeout: float = 0.0) -> None:
        """Write all lines gathered so far, and pass them to the shipper.

        With `timeout`, wait at most that many seconds for the shipper.
        """
        with self._flushing:
            gathered = self._gathered
            batch = gathered[:]
            del gathered[: len(batch)]  # keep lines that were added meanwhile
            if batch:
                self._write_entries(batch)
        if timeout and self._shipper is not None:
            self._shipper.flush(timeout)

    def write(self, lines: Sequence[LogLine]) -> None:
        """Store and show a batch of lines."""
        encoded = encode_lines(lines)
        try:
            self._file.write(encoded)
        except OSError:  # e.g. a full disk
            self.lost += len(encoded)
        if self._shipper is not None:
            self._shipper.add(encoded)
        for line in lines:
            text = self._show(line)
            if text:
                with suppress(OSError, ValueError):  # standard error is closed
                    sys.stderr.write(text + "\n")

    def ship(self, lines: Sequence[LogLine]) -> None:
        """Pass lines only to the shipper, because another file already contains them."""
        if self._shipper is not None:
            self._shipper.add(encode_lines(lines))

    def readings(self) -> Iterator[Reading]:
        """Yield the numbers of lost lines for /metrics."""
        yield Reading("telemetry_dropped", "log file", self.lost)
        if self._shipper is not None:
            yield Reading("telemetry_dropped", self._shipper.name, self._shipper.lost)

    def _write_entries(self, batch: list[Any]) -> None:
        parts = iter(batch)
        entries = zip(*[parts] * _PARTS, strict=True)
        try:
            self.write([make_line(self._version, *entry) for entry in entries])
        except Exception as error:  # this thread must survive, whatever was logged
            self.lost += len(batch) // _PARTS
            with suppress(OSError, ValueError):
                sys.stderr.write(f"log lines are lost: {error!r}\n")

    def _run(self) -> None:
        while not self._stopping.wait(INTERVAL):
            self.flush()
