"""neurova config."""

from __future__ import annotations

from typing import Any

import click

from ..output import document, json_option, table


@click.command()
@json_option
def config(as_json: bool) -> None:
    """Show every setting in force and where it comes from."""
    from ...settings.loading import effective, load

    values = effective(load())
    if as_json:
        document(values)
    else:
        table(
            ("setting", "value", "from"),
            [(item.key, _shown(item.value), item.origin) for item in values],
        )


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "(none)"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) or '""'
