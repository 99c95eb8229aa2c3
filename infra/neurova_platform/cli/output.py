"""Output of commands: one JSON document with --json, else text; colour only on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

JSON = "neurova.json"
"""The key of a context's `meta` that holds whether --json is set."""


def _store_flag(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
    # The root group reads this flag when it prints errors.
    ctx.meta[JSON] = value
    return value


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--json` to a command, as its parameter `as_json`."""
    option = click.option(
        "--json", "as_json", is_flag=True, callback=_store_flag, help="Print one JSON document."
    )
    return option(command)


def has_colour() -> bool:
    """Return whether the output is a terminal and NO_COLOR is not set."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def print_document(value: object) -> None:
    """Print one JSON document."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))


def print_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], whole: Sequence[str] = ()
) -> None:
    """Print rows: aligned columns on a terminal; tab-separated without headings in a pipe.

    The columns named in `whole` are never truncated.
    """
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    columns = [Column(each, no_wrap=each in whole) for each in headings]
    grid = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    Console(highlight=False).print(grid)


def print_pairs(rows: Sequence[tuple[str, str]]) -> None:
    """Print aligned names and values; an empty name continues the previous one."""
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        click.echo(f"{name:<{width}}  {value}".rstrip())


def print_line(value: object) -> None:
    """Print one line of JSON and flush it, for commands that keep running."""
    import msgspec

    click.echo(msgspec.json.encode(value))
