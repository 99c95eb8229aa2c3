"""Pass the records of `logging` and loguru, from functions and libraries, to a `LogSink`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from types import ModuleType
from typing import Any

from ..telemetry.import_hook import ImportHook
from ..telemetry.log import LogSink, copy_fields
from ..traces.current import CURRENT
from .encode import to_text

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "neurova"}
_NO_FIELDS: Mapping[str, Any] = {}


class _Source:
    """Add function, consumer and trace id of the current call, unless the fields hold them."""

    def __init__(self, sink: LogSink) -> None:
        self._sink = sink

    def add(
        self,
        level: int,
        logger: str,
        message: str,
        fields: dict[str, Any],
        error: BaseException | None,
    ) -> None:
        running = CURRENT.get()
        function, consumer, trace_id = "", "", 0
        if running is not None:
            function, consumer, trace_id = running.function, running.consumer, running.trace_id
        # The context of a failed call is gone when its error is logged, so `fields` name the call.
        function = str(fields.pop("function", function))
        consumer = str(fields.pop("consumer", consumer))
        trace_id = _to_trace_id(fields.pop("trace_id", trace_id))
        copied = copy_fields(fields) if fields else None
        self._sink.add(level, logger, message, function, consumer, trace_id, copied, error)


class LoggingHandler(logging.Handler):
    """Pass the records of `logging` to a sink; `extra` becomes fields.

    The platform's own records name their call in `extra={"neurova": {…}}`.
    """

    def __init__(self, sink: LogSink) -> None:
        super().__init__(sink.level)
        self._source = _Source(sink)

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record."""
        values = vars(record)
        fields = {name: values[name] for name in values.keys() - _STANDARD}
        fields |= values.get("neurova", _NO_FIELDS)
        error = record.exc_info[1] if record.exc_info else None
        message = to_text(record.getMessage)
        self._source.add(record.levelno, record.name, message, fields, error)


class LoguruSource:
    """Pass the messages of loguru to a sink, as soon as a function or library imports loguru.

    Loguru's own output to standard error is removed; sinks that functions add are kept.
    """

    def __init__(self, sink: LogSink) -> None:
        self._sink = sink
        self._source = _Source(sink)
        self._hook = ImportHook("loguru", self._attach)
        self._logger: Any = None
        self._id = 0

    def install(self) -> None:
        """Install the source when loguru is imported; importing it here would slow the start."""
        self._hook.install()

    def remove(self) -> None:
        """Undo `install`."""
        self._hook.remove()
        if self._logger is not None:
            with suppress(ValueError):  # a function has removed all sinks
                self._logger.remove(self._id)
            self._logger = None

    def _attach(self, module: ModuleType) -> None:
        self._logger = module.logger
        with suppress(ValueError):  # somebody has already removed it
            self._logger.remove(0)
        # The sink reads the record itself, so loguru need not format a message.
        options = {"format": _format_nothing, "backtrace": False, "diagnose": False}
        self._id = self._logger.add(
            self._write, level=self._sink.level, catch=False, colorize=False, **options
        )

    def _write(self, message: Any) -> None:
        record = message.record
        error = record["exception"].value if record["exception"] else None
        level, fields = record["level"].no, dict(record["extra"])
        self._source.add(level, record["name"] or "", record["message"], fields, error)


def _to_trace_id(value: object) -> int:
    """Return a trace id, which may be text, as in `extra` of `logging`; 0 for any other value."""
    try:
        found = value if isinstance(value, int) else int(str(value), 16)
    except ValueError:
        return 0
    return found if 0 <= found < 1 << 128 else 0


def _format_nothing(record: object) -> str:
    return ""
