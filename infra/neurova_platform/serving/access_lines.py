"""Send call records as log lines to the configured log store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from neurova.logs.base import LogLine
from neurova.logs.writer import LogWriter
from neurova_gateway.pipeline.call_records import CallRecord

_NAMED = ("time", "route", "consumer", "trace_id")  # a log line has its own fields for these


class AccessLines:
    """Send call records as lines of the logger `neurova.access`; a `CallSink`."""

    def __init__(self, writer: LogWriter, version: str) -> None:
        self._writer = writer
        self._version = version

    def write(self, records: Sequence[CallRecord]) -> None:
        """Send a batch of call records."""
        self._writer.ship([self._make_line(record) for record in records])

    def _make_line(self, record: CallRecord) -> LogLine:
        fields = msgspec.structs.asdict(record)
        for name in _NAMED:
            del fields[name]
        return LogLine(
            datetime.fromtimestamp(record.time, UTC),
            "INFO",
            "neurova.access",
            f"{record.method} {record.path} {record.status}",
            record.trace_id,
            record.route,
            record.route.partition(".")[0],
            record.consumer,
            self._version,
            fields,
        )
