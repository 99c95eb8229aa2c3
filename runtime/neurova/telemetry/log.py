"""What a function writes down, with the call it belongs to."""

from __future__ import annotations

import logging
from typing import Any

LOGGER = logging.getLogger("neurova.function")
_CALL = frozenset({"function", "consumer", "trace_id"})


class Log:
    """Write log lines that carry function, consumer and trace of the call.

    Messages are taken as they are; what varies goes into fields: `log.info("sold", room=3)`.
    A line's record has all of it as a mapping under `neurova`. A field named as what the platform
    says of the call is left out, also where it says nothing: nobody becomes a consumer by a field.
    """

    __slots__ = ("_bound",)

    def __init__(self, function: str, consumer: str = "", trace_id: int = 0) -> None:
        self._bound: dict[str, Any] = {"function": function}
        if consumer:
            self._bound["consumer"] = consumer
        if trace_id:
            self._bound["trace_id"] = f"{trace_id:032x}"

    def debug(self, message: str, /, **fields: Any) -> None:
        """Write what helps to find a fault."""
        self._write(logging.DEBUG, message, fields)

    def info(self, message: str, /, **fields: Any) -> None:
        """Write what happened."""
        self._write(logging.INFO, message, fields)

    def warning(self, message: str, /, **fields: Any) -> None:
        """Write what may need a look."""
        self._write(logging.WARNING, message, fields)

    def error(self, message: str, /, **fields: Any) -> None:
        """Write what failed."""
        self._write(logging.ERROR, message, fields)

    def exception(self, message: str, /, **fields: Any) -> None:
        """Write what failed, with the traceback of the exception being handled."""
        self._write(logging.ERROR, message, fields, exc_info=True)

    def _write(
        self, level: int, message: str, fields: dict[str, Any], *, exc_info: bool = False
    ) -> None:
        if LOGGER.isEnabledFor(level):
            said = {name: value for name, value in fields.items() if name not in _CALL}
            extra = {"neurova": said | self._bound}
            LOGGER.log(level, message, exc_info=exc_info, extra=extra, stacklevel=3)
