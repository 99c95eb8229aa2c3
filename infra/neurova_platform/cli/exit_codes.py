"""The exit codes of the command line; docs/cli.md lists them."""

from __future__ import annotations

import sys

EXIT_CODES = {"ConfigError": 3, "LoadError": 4, "BindError": 4, "StateError": 5, "Unavailable": 5}
"""The exit code of each error class; every other NeurovaError has 1."""


def exit_code(error: Exception) -> int:
    """Return the exit code of a NeurovaError, 0 for any other exception."""
    # Do not import the module here, so that `neurova --help` starts fast: if nothing has imported
    # it yet, the error is not a NeurovaError.
    errors = sys.modules.get("neurova.errors")
    if errors is None or not isinstance(error, errors.NeurovaError):
        return 0
    codes = (EXIT_CODES.get(kind.__name__) for kind in type(error).__mro__)
    return next((code for code in codes if code is not None), 1)


def interrupt_exit_code(command: str | None = None) -> int:
    """Return the exit code after Ctrl-C, which is the normal end of dev and run."""
    return 0 if command in ("dev", "run") else 130
