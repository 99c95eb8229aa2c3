"""neurova run."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from ..output import json_option, line

if TYPE_CHECKING:
    from neurova.settings.settings import Settings


@click.command()
@click.option("--host", help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65_535), help="The port; 0 takes a free one.")
@click.option("--workers", type=click.IntRange(1, 512), help="How many processes serve.")
@json_option
def run(host: str | None, port: int | None, workers: int | None, as_json: bool) -> None:
    """Serve the project as it is, for live keys.

    Workers that end or hang are replaced. SIGHUP takes up new code and settings, worker by worker;
    SIGINT and SIGTERM let calls in flight finish. Refuses to start while a database is behind its
    migrations. Calls are written to logs/access.jsonl in the state folder.
    """
    from ...settings.loading import load
    from ...supervise.run import run as supervise

    given = {"gateway.host": host, "gateway.port": port, "runtime.workers": workers}
    flags = {key: value for key, value in given.items() if value is not None}
    settings = load(flags=flags)

    def tell(event: dict[str, Any]) -> None:
        with suppress(OSError, ValueError):  # who read it has left; we serve on
            if as_json:
                line(event)
            elif text := _text(settings, event):
                click.echo(text)

    supervise(settings, flags, tell)


def _text(settings: Settings, event: dict[str, Any]) -> str:
    """Say an event; what is logged as an error has been said."""
    from ...admin import access as admin_access

    name = settings.project.name
    match event:
        case {"event": "ready"}:
            pids = " ".join(map(str, event["pids"]))
            said = (
                f"{name} answers on {event['url']}: {event['functions']} functions, live keys, "
                f"{event['workers']} workers (pid {pids})"
            )
            if event["admin"]:
                said += f"\n{admin_access.announcement(settings, event['admin'])}"
            return said
        case {"event": "restarted"}:
            return f"{name} has restarted: pid {' '.join(map(str, event['pids']))}"
        case {"event": "worker", "what": "over"}:
            return f"{event['name']} (pid {event['pid']}) is replaced: {event['why']}"
    return ""
