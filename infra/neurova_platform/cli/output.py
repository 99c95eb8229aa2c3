"""What commands print: one JSON document with --json, else text; colour only on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

JSON = "neurova.json"
"""Where a context's `meta` says that JSON was asked for."""


def _remember(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
    # Errors are written by the root group, which then knows the form that was asked for.
    ctx.meta[JSON] = value
    return value


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--json` to a command, given to it as `as_json`."""
    option = click.option(
        "--json", "as_json", is_flag=True, callback=_remember, help="Print one JSON document."
    )
    return option(command)


def colourful() -> bool:
    """Tell whether people look at the output and have not declined colour."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def document(value: object) -> None:
    """Print one JSON document."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows: in aligned columns for people, separated by tabs without headings in a pipe."""
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(*headings, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    Console(highlight=False).print(grid)


def pairs(rows: Sequence[tuple[str, str]]) -> None:
    """Print names and what belongs to them, aligned; a name may repeat as "" for more lines."""
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        click.echo(f"{name:<{width}}  {value}".rstrip())


def line(value: object) -> None:
    """Print one line of JSON, at once: for commands that go on."""
    import msgspec

    click.echo(msgspec.json.encode(value))
