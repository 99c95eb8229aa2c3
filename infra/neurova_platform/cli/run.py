"""neurova run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .output import json_option, line

if TYPE_CHECKING:
    from ..platform import Platform


@click.command()
@click.option("--host", help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65_535), help="The port; 0 takes a free one.")
@json_option
def run(host: str | None, port: int | None, as_json: bool) -> None:
    """Serve the project as it is, for live keys.

    Refuses to start while a database is behind its migrations. Calls are written to
    logs/access.jsonl in the state folder. SIGINT and SIGTERM let calls in flight finish.
    """
    from ..serve import run as serve
    from ..settings import load

    settings = load(flags={"gateway.host": host, "gateway.port": port})

    def ready(platform: Platform, url: str) -> None:
        count = sum(1 for _ in platform.functions())
        if as_json:
            line({"event": "ready", "url": url, "functions": count, "admin": platform.admin})
        else:
            click.echo(f"{settings.project.name} answers on {url}: {count} functions, live keys")
            if platform.admin:
                token = settings.state / "admin.token"
                click.echo(f"admin: {platform.admin}, its token lies in {token}")

    serve(settings, environment="live", ready=ready)
