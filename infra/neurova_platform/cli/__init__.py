"""The command `neurova`: its table of commands and its way in.

A command is imported when it is called; `neurova --help` reads this table and imports none.
"""

from __future__ import annotations

import sys

COMMANDS = {
    "dev": ("dev:dev", "Serve the project with reload and a test key, showing each call."),
    "run": ("run:run", "Serve the project as it is, for live keys."),
    "new": ("new:new", "Make a project, a service or a function."),
    "functions": ("functions:functions", "List the project's functions."),
    "status": ("status:status", "Show how the running platform stands, by its Admin API."),
    "call": ("call:call", "Call the running platform and show reply, time and limits left."),
    "explain": ("explain:explain", "Say which function answers, who may call, and what bounds it."),
    "openapi": ("openapi:openapi", "Print the project's OpenAPI document; nothing has to run."),
    "keys": ("keys:keys", "Make, list, rotate, revoke and limit API keys."),
    "config": ("config:config", "Show every setting in force and where it comes from."),
    "doctor": ("doctor:doctor", "Check that all the platform needs is there, and say each fix."),
    "db": ("db:db", "Write, apply and inspect the migrations of services."),
    "version": ("version:version", "Show the version of neurova and of Python."),
}
"""Command -> (module:name below this package, its first line of help)."""

OLDEST = (3, 11)


def main() -> int:
    """Run the command line; return the exit code that docs/cli.md states."""
    if sys.version_info < OLDEST:
        found = ".".join(str(part) for part in sys.version_info[:3])
        sys.stderr.write(
            f"neurova needs Python 3.11 or newer, this is {found}: install a newer one\n"
        )
        return 1
    if sys.argv[1:2] in (["dev"], ["run"]):
        from ..serving.interrupt import take

        take()
    try:
        from .group import root

        return root.run()
    except KeyboardInterrupt:
        return interrupted(*sys.argv[1:2])


def interrupted(command: str | None = None) -> int:
    """Return the exit code of a command that Ctrl-C ended: that is how dev and run end."""
    return 0 if command in ("dev", "run") else 130
