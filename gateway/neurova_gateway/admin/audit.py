"""Who changed what by the Admin API: a line before, a line after, never a secret."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any

import msgspec

from neurova.errors import Unavailable
from neurova.files.lines import append_lines
from neurova.telemetry.redact import masked


class Audit:
    """Append lines of JSON to a file, 0600, each on disk before it is believed.

    A change is written as `begun`, with what was asked, and as `ended`, with the status of the
    answer and what was done; both have one `id`. What cannot be written may not be done.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, **said: Any) -> str:
        """Write that a change is asked for; return its id. Raises Unavailable."""
        change = secrets.token_hex(8)
        self._write(id=change, event="begun", **said)
        return change

    def end(self, change: str, **said: Any) -> None:
        """Write how a change ended. Raises Unavailable."""
        self._write(id=change, event="ended", **said)

    def _write(self, **said: Any) -> None:
        line = masked(msgspec.json.encode({"time": time.time(), **said}).decode()) + "\n"
        try:
            append_lines(self._path, line.encode(), durable=True)
        except OSError as error:
            raise Unavailable(
                f"{self._path}: the audit cannot be written ({error.strerror}), so nothing is "
                "changed: make room for it"
            ) from None
