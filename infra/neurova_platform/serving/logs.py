"""Collect the log lines of one process from all sources, store them, and show some of them."""

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
"""Seconds to write the last lines at a stop; the supervisor waits longer before it kills."""
_WARNINGS = ("WARNING", "ERROR", "CRITICAL")
_CHATTY = ("pika", "httpx", "httpcore", "uvicorn", "alembic", "asyncio")


@contextmanager
def writing(
    settings: Settings, *, show_functions: bool = False, output: LogStore | None = None
) -> Iterator[LogWriter]:
    """Write the log lines of this process until the block ends; yield the sink for `Log`.

    Also prints warnings and errors to standard error; with `show_functions`, all lines of functions
    too. With `output`, all lines go to `output` instead of the log file and standard error.
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
