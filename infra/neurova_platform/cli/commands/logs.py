"""`neurova logs`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from ..durations import Duration
from ..output import has_colour, json_option, print_line

if TYPE_CHECKING:
    from neurova.logs.base import LogLine
    from neurova.logs.search import Level

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_COLOURS = {"DEBUG": "bright_black", "WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}


class Pattern(click.ParamType[re.Pattern[str]]):
    """Parse a regular expression, which ignores case."""

    name = "pattern"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> re.Pattern[str]:
        """Return the compiled expression."""
        try:
            return re.compile(str(value), re.IGNORECASE)
        except re.error as error:
            self.fail(f"{value!r} is no regular expression: {error}", param, ctx)


@click.command()
@click.option("--follow", "-f", is_flag=True, help="Go on with new lines until Ctrl-C.")
@click.option("--function", default="", help="Only lines of this function or service.")
@click.option("--trace", default="", help="Only lines of this trace id.")
@click.option("--since", type=Duration(), help="Only lines of this time, like 15m.")
@click.option("--level", type=click.Choice(_LEVELS), default="DEBUG", help="The lowest level.")
@click.option("--grep", type=Pattern(), help="Only lines in which this expression is found.")
@click.option("--lines", type=click.IntRange(1), default=200, help="The most lines of the past.")
@json_option
def logs(
    *,
    follow: bool,
    function: str,
    trace: str,
    since: float | None,
    level: Level,
    grep: re.Pattern[str] | None,
    lines: int,
    as_json: bool,
) -> None:
    """Show the log lines of functions and the platform.

    Reads the files in the state folder; the oldest line comes first. With --json each line is
    printed as it is stored.
    """
    from datetime import UTC, datetime, timedelta

    from neurova.logs.search import LineFilter, find_lines, wait_and_follow

    from ...settings.loading import load

    start = None if since is None else datetime.now(UTC) - timedelta(seconds=since)
    wanted = LineFilter(function, trace, start, level, grep)
    file = load().log_file
    found = wait_and_follow(file, wanted, lines) if follow else find_lines(file, wanted, lines)
    for line in found:
        if as_json:
            print_line(line)
        else:
            click.echo(_format(line))


def _format(line: LogLine) -> str:
    """Return a line as text: local time, level, function or logger, message, fields, trace."""
    from neurova.logs.text import describe

    clock = f"{line.time.astimezone():%H:%M:%S.%f}"[:-3]
    level = f"{line.level:<7}"
    if has_colour() and line.level in _COLOURS:
        level = click.style(level, fg=_COLOURS[line.level])
    return f"{clock} {level} {describe(line)}"
