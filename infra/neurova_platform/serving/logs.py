"""The logs of one process: collected from all sources, written to their stores and shown."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from neurova.logs.base import LogLine, LogStore
from neurova.logs.files import LogFile
from neurova.logs.shipper import Shipper
from neurova.logs.sources import LoggingHandler, LoguruSource
from neurova.logs.text import describe
from neurova.logs.writer import LogWriter
from neurova.settings.settings import Settings
from neurova.telemetry.redact import mask_secrets

from ..composition import backends

FLUSH_SECONDS = 3.0
"""Time for the last lines at a stop; the supervisor waits longer than that after the drain."""
_WARNINGS = ("WARNING", "ERROR", "CRITICAL")
_CHATTY = ("pika", "httpx", "httpcore", "uvicorn", "alembic", "asyncio")


@contextmanager
def writing(
    settings: Settings, *, show_functions: bool = False, output: LogStore | None = None
) -> Iterator[LogWriter]:
    """Write the lines of this process until the block ends; yield the sink for `Log`.

    Warnings and errors are also shown on standard error, with `show_functions` all lines of
    functions. With `output`, all lines go there instead of a file and standard error.
    """
    level = logging.getLevelNamesMapping()[settings.logs.level]
    url = settings.logs.url
    shipper = Shipper(url.partition("+")[0], backends.open_log_store(settings)) if url else None
    writer = LogWriter(
        output or LogFile(settings.log_file),
        shipper,
        level=level,
        version=settings.openapi.version,
        show=partial(_show, show_functions) if output is None else lambda line: "",
    )
    handler = LoggingHandler(writer)
    loguru = LoguruSource(writer)
    root = logging.getLogger()
    before = {each: each.level for each in (root, *map(logging.getLogger, _CHATTY))}
    root.addHandler(handler)
    root.setLevel(level)
    for name in _CHATTY:  # libraries that log each connection or request
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    loguru.install()
    writer.start()
    try:
        yield writer
    finally:
        loguru.remove()
        root.removeHandler(handler)
        for logger, old in before.items():
            logger.setLevel(old)
        writer.stop(FLUSH_SECONDS)


def _show(show_functions: bool, line: LogLine) -> str:
    if line.level in _WARNINGS or (show_functions and line.function):
        return mask_secrets(f"{line.level.lower()}: {describe(line)}")
    return ""
