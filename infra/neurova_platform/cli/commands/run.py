"""`neurova run`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from ..output import json_option, print_line

if TYPE_CHECKING:
    from neurova.settings.settings import Settings

    from ...supervise.roles import Part


@click.command()
@click.argument(
    "part",
    type=click.Choice(["all", "runtime", "subscriptions", "relay", "warehouse"]),
    default="all",
)
@click.option("--host", help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65_535), help="The port; 0: a free one.")
@click.option("--workers", type=click.IntRange(1, 512), help="The number of worker processes.")
@json_option
def run(part: Part, host: str | None, port: int | None, workers: int | None, as_json: bool) -> None:
    """Serve the project with live keys and several workers.

    PART is what this machine runs: the runtime (workers and Admin API), the subscriptions, the
    relay of published events, the writer of the warehouse, or all of them.

    Workers that exit or block are replaced. SIGHUP loads new code and settings, worker by worker;
    SIGINT and SIGTERM let calls in flight finish. Refuses to start while migrations are
    pending. The access log is logs/access.jsonl in the state folder.
    """
    from ...settings.loading import load
    from ...supervise.run import run as supervise

    options = {"gateway.host": host, "gateway.port": port, "runtime.workers": workers}
    flags = {key: value for key, value in options.items() if value is not None}
    settings = load(flags=flags)

    def emit(event: dict[str, Any]) -> None:
        with suppress(OSError, ValueError):  # the reader of the output has exited
            if as_json:
                print_line(event)
            elif text := _describe(settings, event):
                click.echo(text)

    supervise(settings, flags, emit, part=part)


def _describe(settings: Settings, event: dict[str, Any]) -> str:
    """Describe an event; return "" for errors, because the log already shows them."""
    from ...admin import access as admin_access

    name = settings.project.name
    match event:
        case {"event": "ready"}:
            pids = " ".join(map(str, event["pids"]))
            if not event["url"]:
                return f"Running the events of {name} (Ctrl-C to stop)"
            text = (
                f"Serving {name} on {event['url']} (Ctrl-C to stop): {event['functions']} "
                f"functions, live keys, {event['workers']} workers (pid {pids})"
            )
            if event["admin"]:
                text += f"\n{admin_access.announcement(settings, event['admin'])}"
            if event["registry"]:
                text += f"\nSchema registry on {event['registry']}"
            return text
        case {"event": "restarted"}:
            return f"Restarted {name}: pid {' '.join(map(str, event['pids']))}"
        case {"event": "worker", "what": "over_memory"}:
            return f"Replacing {event['name']} (pid {event['pid']}): {event['reason']}"
    return ""
