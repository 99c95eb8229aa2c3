"""`neurova functions`."""

from __future__ import annotations

import time

import click

from ..output import json_option, print_document, print_table


@click.command()
@json_option
def functions(as_json: bool) -> None:
    """List the project's functions, and its schedules with their next times."""
    from ...composition import inventory
    from ...settings.loading import load

    services = inventory.load_services(load())
    found = inventory.list_functions(services)
    now = time.time()
    schedules = [
        (each, str(each.description), inventory.next_run(each, now))
        for service in services
        for each in service.schedules
    ]
    if as_json:
        print_document(
            [
                {
                    "method": each.description.method_label,
                    "path": each.description.template,
                    "function": each.name,
                    "file": each.file,
                    "line": each.line,
                    "public": each.description.public,
                    "scopes": each.description.scopes,
                    "limit": each.description.limit,
                    "timeout": each.description.timeout,
                    "tags": each.description.tags,
                }
                for each in found
            ]
            + [
                {
                    "method": "SCHEDULE",
                    "path": times,
                    "function": each.name,
                    "file": each.file,
                    "line": each.line,
                    "next": following,
                    "timeout": each.description.timeout,
                }
                for each, times, following in schedules
            ]
        )
        return
    print_table(
        ("method", "path", "function", "who may call", "limit", "file"),
        [
            (
                each.description.method_label,
                each.description.template,
                each.name,
                inventory.describe_access(each),
                each.description.limit or "-",
                f"{each.file}:{each.line}",
            )
            for each in found
        ]
        + [
            ("SCHEDULE", times, each.name, f"next {following}", "-", f"{each.file}:{each.line}")
            for each, times, following in schedules
        ],
    )
