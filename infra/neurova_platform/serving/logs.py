"""Logs of functions and the platform: a JSON lines file, written by loguru, and standard error."""

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

MAX_BYTES = 64_000_000
MAX_FILES = 5
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_RESERVED_FIELDS = frozenset({"time", "level", "logger", "message", "traceback"})


class LogFile(logging.Handler):
    """Write records of the `neurova` loggers as JSON lines: time, level, logger, message, fields.

    Text that looks like a key is masked; tracebacks show no values. Warnings and errors are also
    written to standard error. The first record imports loguru, so that it does not slow the start.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(logging.INFO)
        self._lines = RotatingFile(path, MAX_BYTES, MAX_FILES)
        self._loguru: Any = None
        self._sink = 0
        self.lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        line = mask_secrets(_encoded(_fields(record)).decode())
        try:
            self._logger().bind(line=line).log(record.levelname, "")
        except (OSError, ImportError):  # no file handle is left: do not fail the call
            self.lost += 1
        if record.levelno >= logging.WARNING:
            with suppress(OSError):
                sys.stderr.write(mask_secrets(_as_text(record)) + "\n")

    def close(self) -> None:
        """Write the queued lines and close the file."""
        if self._loguru is not None:
            self._loguru.remove(self._sink)
            self._loguru = None
        super().close()

    def _logger(self) -> Any:
        if self._loguru is None:
            from loguru import logger

            with suppress(ValueError):  # the default sink would print the records too
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
    """Write records of the `neurova` loggers to a folder, until `remove`."""
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
        "message": _to_text(record.getMessage),
    }
    extra = getattr(record, "neurova", {})
    fields |= {name: value for name, value in extra.items() if name not in _RESERVED_FIELDS}
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        fields["traceback"] = _to_text(lambda: "".join(traceback.format_exception(error)))
    return fields


def _to_text(convert: Callable[[], str]) -> str:
    """Return the result of `convert`, which may run user code that raises."""
    try:
        return mask_secrets(convert())
    except Exception as error:
        return f"<not shown: {type(error).__name__}>"


def _encoded(fields: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(fields, enc_hook=str)
    except Exception:  # neither JSON nor `str` can represent one of the values
        plain = {
            mask_secrets(name): value if isinstance(value, float) else _to_text(partial(str, value))
            for name, value in fields.items()
        }
        return msgspec.json.encode(plain)


def _as_text(record: logging.LogRecord) -> str:
    fields = _fields(record)
    trace = fields.get("traceback", "")
    line = f"{record.levelname.lower()}: {fields['message']}"
    if "trace_id" in fields:
        line += f" (trace {fields['trace_id']})"
    text = f"{line}\n{trace.rstrip()}" if trace else line
    # Text from a client must neither control the terminal nor look like another record.
    return _CONTROL.sub(lambda match: repr(match[0])[1:-1], text).replace("\n", "\n  ")
