"""The audit log of the Admin API: one line before and one line after each change."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

import msgspec

from neurova.errors import Unavailable
from neurova.files.lines import RotatingFile
from neurova.telemetry.redact import mask_secrets

MAX_BYTES = 16 << 20
KEEP = 16


class Audit:
    """Append JSON lines to a private file (0600) and sync each to disk. Keys are masked.

    Each change has two lines with the same `id`: `begun` with the request, and `ended` with the
    response status and details of the change. If the first line cannot be written, the change is
    refused. At `MAX_BYTES` the file is renamed to `.1`; the `KEEP` newest files are kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = RotatingFile(path, MAX_BYTES, KEEP)

    def begin(self, **fields: object) -> str:
        """Log the start of a change and return its id. Raises Unavailable."""
        change = secrets.token_hex(8)
        self._write(id=change, event="begun", **fields)
        return change

    def end(self, change: str, **fields: object) -> None:
        """Log the end of a change. Raises Unavailable."""
        self._write(id=change, event="ended", **fields)

    def _write(self, **fields: object) -> None:
        line = mask_secrets(msgspec.json.encode({"time": time.time(), **fields}).decode()) + "\n"
        try:
            self._file.append(line.encode(), durable=True)
        except OSError as error:
            consequence = ", so nothing was changed" if fields["event"] == "begun" else ""
            raise Unavailable(
                f"the audit log cannot be written ({error.strerror}){consequence}",
                where=str(self._path),
                fix="make the file writable and free disk space",
            ) from None
