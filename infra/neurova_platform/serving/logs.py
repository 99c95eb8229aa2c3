"""What functions and the platform log: JSON lines by loguru, and errors on the terminal."""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from neurova.files.lines import RotatingFile
from neurova.telemetry.redact import mask_secrets

ROTATE = 64_000_000
KEEP = 5
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_OWN = frozenset({"time", "level", "logger", "message", "traceback"})


class LogFile(logging.Handler):
    """Write records of the `neurova` loggers as JSON lines: time, level, logger, message, fields.

    Everything that looks like a key is masked; tracebacks show no values. loguru is imported by
    the first record, so a start that logs nothing does not pay for it. Warnings and
    errors are shown on standard error too.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(logging.INFO)
        self._lines = RotatingFile(path, ROTATE, KEEP)
        self._loguru: Any = None
        self._sink = 0
        self.lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        line = mask_secrets(_encoded(_fields(record)).decode())
        try:
            self._file().bind(line=line).log(record.levelname, "")
        except (OSError, ImportError):  # no file handle is to be had: who logs goes on
            self.lost += 1
        if record.levelno >= logging.WARNING:
            with suppress(OSError):
                sys.stderr.write(mask_secrets(_shown(record)) + "\n")

    def close(self) -> None:
        """Write what is left and let go of the file."""
        if self._loguru is not None:
            self._loguru.remove(self._sink)
            self._loguru = None
        super().close()

    def _file(self) -> Any:
        if self._loguru is None:
            from loguru import logger

            with suppress(ValueError):  # loguru's own sink would show our lines without a text
                logger.remove(0)
                logger.add(sys.stderr, filter=lambda record: "line" not in record["extra"])
            self._sink = logger.add(
                self._write,
                format="{extra[line]}",
                filter=lambda record: "line" in record["extra"],
                level="INFO",
                enqueue=True,
                diagnose=False,
            )
            self._loguru = logger
        return self._loguru

    def _write(self, line: str) -> None:
        self._lines.append(line.encode())


def install(folder: Path) -> LogFile:
    """Let the `neurova` loggers write into a folder; `remove` undoes it."""
    handler = LogFile(folder / "neurova.jsonl")
    root = logging.getLogger("neurova")
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    root.propagate = False
    return handler


def remove(handler: LogFile) -> None:
    """Undo `install`."""
    root = logging.getLogger("neurova")
    root.removeHandler(handler)
    root.propagate = True
    handler.close()


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "time": record.created,
        "level": record.levelname,
        "logger": record.name,
        "message": _told(record.getMessage),
    }
    said = getattr(record, "neurova", {})
    fields |= {name: value for name, value in said.items() if name not in _OWN}
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        fields["traceback"] = _told(lambda: "".join(traceback.format_exception(error)))
    return fields


def _told(tell: Callable[[], str]) -> str:
    """Return a text that a function's own code may make, and that UTF-8 can hold."""
    try:
        return mask_secrets(tell())
    except Exception as error:  # who logs goes on
        return f"it cannot be told: {type(error).__name__}"


def _encoded(fields: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(fields, enc_hook=str)
    except Exception:  # a value of which JSON, or str, makes nothing
        plain = {
            mask_secrets(name): value if isinstance(value, float) else _told(partial(str, value))
            for name, value in fields.items()
        }
        return msgspec.json.encode(plain)


def _shown(record: logging.LogRecord) -> str:
    fields = _fields(record)
    trace = fields.get("traceback", "")
    line = f"{record.levelname.lower()}: {fields['message']}"
    if "trace_id" in fields:
        line += f" (trace {fields['trace_id']})"
    shown = f"{line}\n{trace.rstrip()}" if trace else line
    # A message may say what a client sent: it neither steers a terminal nor looks like a record.
    return _STEERING.sub(lambda found: repr(found[0])[1:-1], shown).replace("\n", "\n  ")
