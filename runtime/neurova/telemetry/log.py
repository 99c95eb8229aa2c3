"""The log of a function, with the details of its call."""

from __future__ import annotations

import logging
from typing import Any

LOGGER = logging.getLogger("neurova.function")
_CALL = frozenset({"function", "consumer", "trace_id"})


class Log:
    """Write log lines that carry function, consumer and trace id of the call.

    Keep messages constant and put values into fields: `log.info("sold", room=3)`. The log record
    has all fields as a mapping in `neurova`. The platform sets `function`, `consumer` and
    `trace_id`; fields with these names are dropped.
    """

    __slots__ = ("_bound",)

    def __init__(self, function: str, consumer: str = "", trace_id: int = 0) -> None:
        self._bound: dict[str, Any] = {"function": function}
        if consumer:
            self._bound["consumer"] = consumer
        if trace_id:
            self._bound["trace_id"] = f"{trace_id:032x}"

    def debug(self, message: str, /, **fields: Any) -> None:
        """Log a detail for debugging."""
        self._write(logging.DEBUG, message, fields)

    def info(self, message: str, /, **fields: Any) -> None:
        """Log an event."""
        self._write(logging.INFO, message, fields)

    def warning(self, message: str, /, **fields: Any) -> None:
        """Log what may need attention."""
        self._write(logging.WARNING, message, fields)

    def error(self, message: str, /, **fields: Any) -> None:
        """Log a failure."""
        self._write(logging.ERROR, message, fields)

    def exception(self, message: str, /, **fields: Any) -> None:
        """Log a failure with the traceback of the exception being handled."""
        self._write(logging.ERROR, message, fields, exc_info=True)

    def _write(
        self, level: int, message: str, fields: dict[str, Any], *, exc_info: bool = False
    ) -> None:
        if LOGGER.isEnabledFor(level):
            own = {name: value for name, value in fields.items() if name not in _CALL}
            extra = {"neurova": own | self._bound}
            LOGGER.log(level, message, exc_info=exc_info, extra=extra, stacklevel=3)
