"""Write log lines and call records to standard output, which Lambda sends to CloudWatch."""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec

from neurova.logs.base import Encoded
from neurova_gateway.pipeline.call_records import CallRecord

_STDOUT = 1


class LogOutput:
    """Write log lines as JSON; a `LogStore`."""

    def write(self, lines: Sequence[Encoded]) -> int:
        """Write lines. Raises OSError."""
        _write(b"".join(json + b"\n" for _, json in lines))
        return 0

    def check(self) -> str:
        """Return one line that says where the log lines are."""
        return "standard output"


class AccessOutput:
    """Write call records as JSON, one per line; a `CallSink`."""

    def __init__(self) -> None:
        self._encoder = msgspec.json.Encoder()

    def write(self, records: Sequence[CallRecord]) -> None:
        """Write a batch. Raises OSError."""
        _write(self._encoder.encode_lines(records))


def _write(data: bytes) -> None:
    while data:
        data = data[os.write(_STDOUT, data) :]
