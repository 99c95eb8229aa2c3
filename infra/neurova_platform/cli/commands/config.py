"""`neurova config`."""

from __future__ import annotations

from typing import Any

import click

from ..output import json_option, print_document, print_table


@click.command()
@json_option
def config(as_json: bool) -> None:
    """Show every setting and where its value comes from."""
    from ...settings.loading import effective, load

    values = effective(load())
    if as_json:
        print_document(values)
    else:
        print_table(
            ("setting", "value", "from"),
            [(item.key, _as_text(item.value), item.origin) for item in values],
        )


def _as_text(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "(none)"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) or '""'
