"""Log an error that recurs whenever some work is retried."""

from __future__ import annotations

from logging import Logger

from ..errors import NeurovaError


def log_repeated(logger: Logger, failures: int, error: Exception, text: str, *values: str) -> None:
    """Log the 1st, 10th and each 100th of consecutive failures; `failures` is their number.

    The log entry is `text` followed by `error`, the latest failure. It includes a traceback only
    for an unexpected error.
    """
    if failures in (1, 10) or failures % 100 == 0:
        known = isinstance(error, NeurovaError)
        logger.error(f"{text}: %s", *values, error, exc_info=None if known else error)
