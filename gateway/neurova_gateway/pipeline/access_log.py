"""The access log: call records as JSON lines in a rotating file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from neurova.files.lines import RotatingFile

from .call_records import CallRecord


class AccessLog:
    """Append call records to the file at `path`; a `CallSink`.

    The file is rotated at `max_bytes`; `keep` old files are kept. Raises OSError, e.g. if the disk
    is full.
    """

    def __init__(self, path: Path, *, max_bytes: int = 64 << 20, keep: int = 5) -> None:
        self._file = RotatingFile(path, max_bytes, keep)
        self._encoder = msgspec.json.Encoder()

    def write(self, records: Sequence[CallRecord]) -> None:
        """Append one line per record."""
        self._file.append(self._encoder.encode_lines(records))
