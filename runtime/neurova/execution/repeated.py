"""The log of an error that returns each time some work is repeated."""

from __future__ import annotations

from logging import Logger

from ..errors import NeurovaError


def log_repeated(logger: Logger, failures: int, error: Exception, text: str, *values: str) -> None:
    """Log the first, the tenth and each hundredth of `failures` in a row; `error` is the last one.

    `text` is followed by the error. Only an unexpected error has its traceback.
    """
    if failures in (1, 10) or failures % 100 == 0:
        known = isinstance(error, NeurovaError)
        logger.error(f"{text}: %s", *values, error, exc_info=None if known else error)
