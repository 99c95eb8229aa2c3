"""`neurova explain METHOD PATH`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..output import json_option, print_document, print_pairs

if TYPE_CHECKING:
    from ...composition.explanation import Explanation


@click.command()
@click.argument("method")
@click.argument("path")
@json_option
@click.pass_context
def explain(ctx: click.Context, method: str, path: str, as_json: bool) -> None:
    """Show which function handles a call, and its settings.

    Each value is followed by its origin. Exits with 1 if no function handles the call.
    """
    from neurova.execution.context import ExecutionContext

    from ...composition import explanation, inventory
    from ...openapi.service import platform_functions
    from ...settings.loading import load

    settings = load()
    found = inventory.load_functions(settings)
    served = [*found, *platform_functions(found, settings, "live", ExecutionContext())]
    explained = explanation.explain(method.upper(), path, served, settings)
    if as_json:
        print_document(explained)
    else:
        print_pairs(_lines(explained))
    ctx.exit(0 if explained.status == 200 else 1)


def _lines(explained: Explanation) -> list[tuple[str, str]]:
    asked = f"{explained.method} {explained.path}"
    if explained.reason:
        lines = [(asked, f"{explained.status}: {explained.reason}")]
        return lines + [("did you mean", route) for route in explained.near]
    lines = [
        (asked, explained.function),
        ("route", explained.route),
        ("file", explained.file),
        ("summary", explained.summary or "-"),
        ("who may call", explained.access),
    ]
    for each in explained.inputs:
        need = "required" if each.required else "optional"
        lines.append((f"from {each.source}", f"{each.name}: {each.type}, {need}"))
    for step in explained.plugins:
        lines.append((f"plugin {step.priority}", step.name))
    for value in explained.values:
        lines.append((value.key, f"{value.value if value.value != '' else '-'}  ({value.origin})"))
    lines.append(("key limits", "those of the key  (neurova keys list)"))
    return lines
