"""Mask secrets in the tracebacks of uncaught exceptions."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from types import TracebackType


def mask_tracebacks() -> None:
    """Mask secrets in exceptions that end the process or a thread, or are unraisable.

    These hooks do not see output of the interpreter itself, such as faulthandler's dump of a fatal
    error; such output contains names and line numbers, but no values.
    """
    sys.excepthook = _print_error
    threading.excepthook = _print_thread_error
    sys.unraisablehook = _print_unraisable


def _print_error(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    import traceback  # imported here so that commands start fast

    from neurova.telemetry.redact import mask_secrets

    with suppress(OSError, AttributeError):  # standard error is closed or None
        sys.stderr.write(mask_secrets("".join(traceback.format_exception(kind, error, trace))))


def _print_thread_error(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is not SystemExit:
        _print_error(args.exc_type, args.exc_value, args.exc_traceback)


def _print_unraisable(args: sys.UnraisableHookArgs) -> None:
    _print_error(args.exc_type, args.exc_value, args.exc_traceback)
