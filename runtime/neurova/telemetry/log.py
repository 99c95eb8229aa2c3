"""The log of a function, with the details of its call."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from types import NoneType
from typing import Any, Protocol
from uuid import UUID

import msgspec

LOGGER = logging.getLogger("neurova.function")
_CALL = frozenset({"function", "consumer", "trace_id"})
_IMMUTABLE = frozenset({str, int, float, bool, NoneType, Decimal, date, datetime, UUID})


class LogSink(Protocol):
    """Receive log lines. `level` is the lowest level to receive."""

    @property
    def level(self) -> int:
        """Return the lowest level, as a number of `logging`."""
        ...

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
        """Receive one line, whose fields must not change later. Thread-safe; never blocks."""


class LoggingSink:
    """Pass lines to the standard logger `neurova.function`; tests read them there."""

    @property
    def level(self) -> int:
        """Return the level of the logger."""
        return LOGGER.getEffectiveLevel()

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
        """Log one line; the record's attribute `neurova` holds the fields and the call."""
        own = {name: value for name, value in (fields or {}).items() if name not in _CALL}
        call = {"function": function, "consumer": consumer}
        call["trace_id"] = f"{trace_id:032x}" if trace_id else ""
        extra = {"neurova": own | {name: value for name, value in call.items() if value}}
        LOGGER.log(level, message, exc_info=error, extra=extra, stacklevel=4)


STANDARD_LOGGING = LoggingSink()


class Log:
    """Write log lines that carry function, consumer and trace id of the call.

    Keep messages constant and put values into fields: `log.info("sold", room=3)`.
    """

    __slots__ = ("_consumer", "_function", "_sink", "_trace_id")

    def __init__(
        self,
        function: str,
        consumer: str = "",
        trace_id: int = 0,
        sink: LogSink = STANDARD_LOGGING,
    ) -> None:
        self._function = function
        self._consumer = consumer
        self._trace_id = trace_id
        self._sink = sink

    def debug(self, message: str, /, **fields: Any) -> None:
        """Log a detail for debugging."""
        self._write(logging.DEBUG, message, fields)

    def info(self, message: str, /, **fields: Any) -> None:
        """Log an event."""
        self._write(logging.INFO, message, fields)

    def warning(self, message: str, /, **fields: Any) -> None:
        """Log a condition that may need attention."""
        self._write(logging.WARNING, message, fields)

    def error(self, message: str, /, **fields: Any) -> None:
        """Log a failure."""
        self._write(logging.ERROR, message, fields)

    def exception(self, message: str, /, **fields: Any) -> None:
        """Log a failure with the traceback of the exception being handled."""
        self._write(logging.ERROR, message, fields, sys.exception())

    def _write(
        self, level: int, message: str, fields: dict[str, Any], error: BaseException | None = None
    ) -> None:
        sink = self._sink
        if level < sink.level:
            return
        for value in fields.values():
            if type(value) not in _IMMUTABLE:
                fields = copy_fields(fields)
                break
        sink.add(
            level,
            "neurova.function",
            message,
            self._function,
            self._consumer,
            self._trace_id,
            fields,
            error,
        )


def copy_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields with copies of mutable values, because the line is encoded later."""
    return {name: _copy(value) for name, value in fields.items()}


def _copy(value: Any) -> Any:
    if type(value) in _IMMUTABLE:
        return value
    try:
        return msgspec.to_builtins(value, str_keys=True, enc_hook=str)
    except Exception:  # a value refers to itself, or its `__str__` raises
        return f"<not shown: {type(value).__name__}>"
