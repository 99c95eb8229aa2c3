"""`neurova version`."""

from __future__ import annotations

import platform
from importlib.metadata import version as installed

import click

from ... import DISTRIBUTION
from ..output import json_option, print_document


@click.command()
@json_option
def version(as_json: bool) -> None:
    """Show the version of neurova and of Python."""
    found = {"neurova": installed(DISTRIBUTION), "python": platform.python_version()}
    if as_json:
        print_document(found)
    else:
        click.echo(f"neurova {found['neurova']}, Python {found['python']}")
